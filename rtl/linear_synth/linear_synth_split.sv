// linear_synth_split: takes a port's stream apart into what the slice's units need, and checks that it is what the command says.
//
//   stream = packets of the slice's jobs; zeros up to tlast
//   packet = job header; per run of blocks with one exponent a run header; per block codebook beats, index beats
//            gather: without the codebook beats; search: without run headers and index beats, with codebooks of activations
//
// A job is announced when its header was found right, so in front of its first codebook beat. In the command's last round a slice
// may be without a job; that is announced, too. Job headers must name the blocks, slots, centroids and first output that the
// command gives for this slice and round. Anything else stops the splitter until clear_i, with cause_o and the address of the beat.
//
// Latency:       0 from beat to beat.
// Throughput:    one beat a cycle; 5 cycles more a job, 1 a run, 8 a command.
// Back-pressure: s_axis_tready depends on registers and on the ready of the unit that the beat is for (all of them registers).
//
// Parameters: as in linear_synth
// Ports:
//   m_axis_tdata  the beat for codebooks and indices alike; m_axis_cb_search: codebooks of activations
//   *_row         where the rows of the command, of the job begin, in beats
module linear_synth_split
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned AddrW = 64
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                clear_i,
    input  setup_t              s_setup_i,
    input  logic [   AddrW-1:0] s_setup_addr_i,
    input  logic [   AddrW-6:0] s_setup_row_i,
    input  logic                s_setup_valid_i,
    output logic                s_setup_ready_o,
    input  logic [   BeatW-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output job_t                m_job_o,
    output logic [   AddrW-6:0] m_job_row_o,
    output logic                m_job_valid_o,
    input  logic                m_job_ready_i,
    output logic [   BeatW-1:0] m_axis_tdata,
    output logic                m_axis_cb_search,
    output logic                m_axis_cb_tvalid,
    input  logic                m_axis_cb_tready,
    output logic                m_axis_idx_tvalid,
    input  logic                m_axis_idx_tready,
    output logic                busy_o,
    output packet_cause_e       cause_o,
    output logic [   AddrW-1:0] cause_addr_o
);
  localparam int unsigned UnitShift = $clog2(Units);
  localparam int unsigned SliceShift = $clog2(Slices);
  localparam int unsigned CountW = $clog2(2 * Slots + 32);  // beats of a block

  typedef enum logic [3:0] {
    Idle,
    Plan0,  // what is this slice's job in the round?
    Plan1,
    Plan2,
    Plan3,
    Absent,     // none
    Head,       // job header
    HeadJudge,
    Run,        // run header
    RunJudge,
    Book,
    Index,
    Pad,        // behind the last job
    PadJudge,
    Drop,
    Stop
  } state_e;

  state_e state_q;
  setup_t setup_q;
  wire search = setup_q.mode == ModeSearch;
  wire gather = setup_q.mode == ModeGather;
  logic [AddrW-6:0] line_q;  // of the command's first beat
  logic [26:0] beats_q;  // taken of it
  logic ended_q;  // the beat with tlast is gone
  logic opening_q;  // the command's first round

  // ---- the round: outputs from own_q on, the round's first group from base_q on ---------------------------------------
  logic [OutputW-1:0] own_q, base_q, stride_q;
  logic signed [OutputW:0] left_q;
  logic round_q, some_q, last_q, short_q;
  logic [15:0] blocks_q, slots_q, top_q;  // top_q: the last slot
  logic [CountW-1:0] book_top_q, index_top_q;  // beats of a block less 1
  logic book_one_q, index_one_q;  // they are 0
  wire [OutputW-1:0] count = short_q ? left_q[OutputW-1:0] : OutputW'(setup_q.group);

  always_ff @(posedge clk_i) begin
    // Plan0, Plan1, Plan2, Plan3 each find one of these right
    left_q   <= $signed({1'b0, OutputW'(setup_q.outputs)}) - $signed({1'b0, own_q});
    round_q  <= base_q < OutputW'(setup_q.outputs);
    stride_q <= OutputW'(setup_q.group) << (3'(SliceShift) - setup_q.subsets);
    blocks_q <= setup_q.last - setup_q.first;
    some_q   <= left_q > 0;
    last_q   <= left_q <= $signed({1'b0, stride_q});
    short_q  <= left_q < $signed({1'b0, OutputW'(setup_q.group)});
    slots_q  <= 16'((count + OutputW'(Units - 1)) >> UnitShift);
    top_q    <= 16'((count - OutputW'(1)) >> UnitShift);
    // slots words of Lanes*Units indices, in quarters of a beat: 4, 5 or 6
    unique case (setup_q.code)
      2'd0: index_top_q <= CountW'(top_q);
      2'd1: index_top_q <= CountW'(slots_q + (top_q >> 2));
      default: index_top_q <= CountW'(slots_q + (top_q >> 1));
    endcase
    book_top_q  <= (CountW'(Lanes) << setup_q.code) - CountW'(1);
    index_one_q <= index_top_q == '0;
    book_one_q  <= book_top_q == '0;
  end

  // ---- handshakes and headers ------------------------------------------------------------------------------------------
  logic bad_blocks_q, bad_slots_q, bad_code_q, bad_output_q, bad_run_q;
  logic [7:0] zero_q;  // by 32 bits
  logic [15:0] run_end_q, block_q;  // blocks up to the run's end; blocks done
  logic at_end_q, at_run_end_q;  // the block under way is the job's, the run's last
  logic [AddrW-6:0] job_rows_q;  // beats of the job's rows
  logic [CountW-1:0] count_q;  // beats still to come of the codebooks, of the indices, behind this one
  logic top_beat_q;  // none

  packet_cause_e head_cause;
  wire head_good = state_q == HeadJudge && !(bad_blocks_q || bad_slots_q || bad_code_q || bad_output_q);  // nor zero
  wire run_good = state_q == RunJudge && !bad_run_q;
  wire job_fire = m_job_valid_o && m_job_ready_i;
  wire beat_fire = s_axis_tvalid && s_axis_tready;
  wire part_end = beat_fire && top_beat_q;
  wire block_end = part_end && state_q == (search ? Book : Index);
  // what follows in the stream
  wire books_next = (state_q == HeadJudge) ? search : (state_q == RunJudge) ? !gather : block_end && !gather;
  wire indices_next = (state_q == RunJudge) ? gather : part_end && (state_q == Book ? !search : gather);

  always_ff @(posedge clk_i) begin
    bad_blocks_q <= s_axis_tdata[15:0] != blocks_q;
    bad_slots_q  <= s_axis_tdata[31:16] != slots_q;
    bad_code_q   <= s_axis_tdata[39:32] != 8'd4 + 8'(setup_q.code);
    bad_output_q <= s_axis_tdata[95:64] != 32'(own_q);
    for (int unsigned i = 0; i < 8; i++) zero_q[i] <= s_axis_tdata[32*i+:32] == '0;
    bad_run_q    <= s_axis_tdata[31:16] <= block_q || s_axis_tdata[31:16] > blocks_q || s_axis_tdata[15:3] != '0;
    if (state_q == Run) run_end_q <= s_axis_tdata[31:16];
    at_end_q     <= block_end ? block_q + 16'd2 == blocks_q : block_q + 16'd1 == blocks_q;
    at_run_end_q <= block_end ? block_q + 16'd2 == run_end_q : block_q + 16'd1 == run_end_q;
  end

  always_comb begin
    head_cause = PacketNone;
    if (bad_output_q) head_cause = PacketOutput;
    if (bad_code_q) head_cause = PacketCode;
    if (bad_slots_q) head_cause = PacketSlots;
    if (bad_blocks_q) head_cause = PacketBlocks;
    if (zero_q == '1) head_cause = PacketMissing;
  end

  assign s_setup_ready_o   = state_q == Idle;
  assign m_job_valid_o     = head_good || state_q == Absent;
  assign m_axis_tdata      = s_axis_tdata;
  assign m_axis_cb_search  = search;
  assign m_axis_cb_tvalid  = state_q == Book && s_axis_tvalid && !ended_q;
  assign m_axis_idx_tvalid = run_good || (state_q == Index && s_axis_tvalid && !ended_q);
  assign busy_o            = state_q != Idle;
  assign m_job_o           = '{
          mode: setup_q.mode,
          some: some_q,
          work: some_q || opening_q,
          last: last_q,
          first: setup_q.first,
          blocks: blocks_q,
          slots: slots_q,
          code: setup_q.code,
          subsets: setup_q.subsets,
          tokens: setup_q.tokens
      };

  always_comb begin
    unique case (state_q)
      HeadJudge: s_axis_tready = head_good && m_job_ready_i;
      RunJudge: s_axis_tready = run_good && m_axis_idx_tready;
      Book: s_axis_tready = m_axis_cb_tready && !ended_q;
      Index: s_axis_tready = m_axis_idx_tready && !ended_q;
      Drop: s_axis_tready = 1'b1;
      default: s_axis_tready = 1'b0;
    endcase
  end

  // ---- the walk through the stream -------------------------------------------------------------------------------------
  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      setup_q   <= s_setup_i;
      line_q    <= s_setup_addr_i[AddrW-1:5];
      own_q     <= s_setup_i.output_first;
      base_q    <= '0;
      opening_q <= 1'b1;
    end else if ((block_end && at_end_q) || (state_q == Absent && job_fire)) begin
      own_q     <= own_q + stride_q;
      base_q    <= base_q + stride_q;
      opening_q <= 1'b0;
    end
    job_rows_q <= (AddrW - 5)'(blocks_q) << $clog2(Lanes * ActCentroids);
    if (state_q == Idle) m_job_row_o <= s_setup_row_i;
    else if (block_end && at_end_q) m_job_row_o <= m_job_row_o + job_rows_q;
    if (state_q == Idle) beats_q <= '0;
    else if (beat_fire) beats_q <= beats_q + 27'd1;
    cause_addr_o <= {line_q + (AddrW - 5)'(beats_q), 5'd0};

    if (state_q == HeadJudge) block_q <= '0;
    else if (block_end) block_q <= block_q + 16'd1;
    if (books_next) begin
      count_q    <= book_top_q;
      top_beat_q <= book_one_q;
    end else if (indices_next) begin
      count_q    <= index_top_q;
      top_beat_q <= index_one_q;
    end else if (beat_fire) begin
      count_q    <= count_q - CountW'(1);
      top_beat_q <= count_q == CountW'(1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= Idle;
      cause_o <= PacketNone;
      ended_q <= 1'b0;
    end else begin
      if (state_q == Idle) ended_q <= 1'b0;
      else if (beat_fire && s_axis_tlast) ended_q <= 1'b1;

      unique case (state_q)
        Idle: if (s_setup_valid_i) state_q <= Plan0;
        Plan0: state_q <= Plan1;
        Plan1: state_q <= Plan2;
        Plan2: state_q <= Plan3;
        Plan3: state_q <= !round_q ? Pad : some_q ? Head : Absent;
        Absent: if (m_job_ready_i) state_q <= Plan0;
        Head: begin
          if (ended_q) begin
            state_q <= Stop;
            cause_o <= PacketMissing;
          end else if (s_axis_tvalid) state_q <= HeadJudge;
        end
        HeadJudge: begin
          if (!head_good) begin
            state_q <= Stop;
            cause_o <= head_cause;
          end else if (m_job_ready_i) state_q <= search ? Book : Run;
        end
        Run: if (s_axis_tvalid && !ended_q) state_q <= RunJudge;
        RunJudge: begin
          if (bad_run_q) begin
            state_q <= Stop;
            cause_o <= PacketRun;
          end else if (m_axis_idx_tready) state_q <= gather ? Index : Book;
        end
        Book: if (part_end) state_q <= !search ? Index : at_end_q ? Plan0 : Book;
        Index: if (part_end) state_q <= at_end_q ? Plan0 : at_run_end_q ? Run : gather ? Index : Book;
        Pad: begin
          if (ended_q) state_q <= Idle;
          else if (s_axis_tvalid) state_q <= PadJudge;
        end
        PadJudge: begin
          if (zero_q != '1) begin
            state_q <= Stop;
            cause_o <= PacketMore;
          end else state_q <= Drop;
        end
        Drop: if (beat_fire && s_axis_tlast) state_q <= Idle;
        default: ;  // Stop
      endcase
      if (ended_q && state_q inside {Run, Book, Index}) begin
        state_q <= Stop;
        cause_o <= PacketShort;
      end
    end
  end

  a_announced :  // every beat belongs to a command
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) beat_fire |-> state_q != Idle && !ended_q);
  a_stopped :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      cause_o != PacketNone |-> !s_axis_tready && !m_job_valid_o);
  a_job :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_job_valid_o && m_job_o.some |-> m_job_o.blocks != '0 && m_job_o.slots != '0);
endmodule
