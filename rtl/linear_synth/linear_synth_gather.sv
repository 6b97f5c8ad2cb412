// linear_synth_gather: a slice's pair and activation memories, and the activations of its blocks in the order of its jobs.
//
//   beat = for every token and lane the activations that its position's pair names, first one low
//          gather: the position's own value, a centroid's index, twice
//
// A search works on every Slices-th block, the others on consecutive ones. A gather needs no pairs.
//
// Tokens share the activation memories, as many as are needed to have a block's of all tokens in 16 cycles: Copies, each with the
// activations of PerCopy tokens. A command with fewer tokens leaves old numbers in the others.
//
// Both memories have two banks, filled by broadcasts: what the next command needs arrives while this one works. A bank is free
// again when the last job of the command (or the word that there is none) has read it.
//
// Latency:       a job's first beat 6 + 2*Lanes*turns cycles after the job, or after the last word of the later of its banks + 2;
//                turns = min(tokens, PerCopy).
// Throughput:    a beat every 2*Lanes*turns cycles, at most 16: no row has fewer entries, so nobody waits for it.
// Back-pressure: beats wait in a queue of 4; a block is only begun when it has room there. Broadcasts cannot be stopped: the sender
//                looks at act_free_o and pair_free_o first.
//
// Parameters: as in linear_synth
module linear_synth_gather
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Lanes = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned ActW = 12,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned Tokens = 1,
    localparam int unsigned TokenW = (Tokens > 1) ? $clog2(Tokens) : 1,
    localparam int unsigned IdxW = $clog2(MaxInputs),
    localparam int unsigned Ends = 2 * PairsPerBeat,
    localparam int unsigned ActLineW = $clog2(MaxInputs / Width),
    localparam int unsigned PairLineW = $clog2(MaxPositions / PairsPerBeat)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    clear_i,
    // broadcasts
    input  logic [  Width*ActW-1:0] act_data_i,
    input  logic [    ActLineW-1:0] act_addr_i,
    input  logic [      TokenW-1:0] act_token_i,
    input  logic                    act_last_i,
    input  logic                    act_valid_i,
    output logic                    act_free_o,
    input  logic [   Ends*IdxW-1:0] pair_data_i,
    input  logic [   PairLineW-1:0] pair_addr_i,
    input  logic                    pair_last_i,
    input  logic                    pair_valid_i,
    output logic                    pair_free_o,
    // jobs
    input  mode_e                   s_job_mode_i,
    input  logic                    s_job_some_i,
    input  logic                    s_job_last_i,
    input  logic [            15:0] s_job_first_i,   // block
    input  logic [            15:0] s_job_blocks_i,
    input  logic [             3:0] s_job_tokens_i,
    input  logic                    s_job_valid_i,
    output logic                    s_job_ready_o,
    // activations
    output mode_e                   m_axis_mode_o,
    output logic [Tokens*2*Lanes*ActW-1:0] m_axis_tdata,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic                    busy_o
);
  localparam int unsigned Steps = 2 * Lanes;  // of a block
  localparam int unsigned StepW = $clog2(Steps);
  localparam int unsigned SelW = $clog2(Width);
  localparam int unsigned EndW = $clog2(Ends);
  localparam int unsigned ElemW = PairLineW + EndW;  // an index of the list, over all its beats
  localparam int unsigned Copies = (Tokens * Steps + 15) / 16;
  localparam int unsigned PerCopy = (Tokens + Copies - 1) / Copies;
  localparam int unsigned TurnW = (PerCopy > 1) ? $clog2(PerCopy) : 1;
  localparam int unsigned Room = 4;
  localparam int unsigned RoomW = $clog2(Room + 1);

  // ---- banks -----------------------------------------------------------------------------------------------------------
  localparam int unsigned PairLines = 2 * MaxPositions / PairsPerBeat;
  localparam PairStyle = (PairLines >= 2048) ? "ultra" : "block";  // a quarter of the block RAM, and URAM is what a large part has left
  (* ram_style = PairStyle *) logic [Ends*IdxW-1:0] pair_mem[PairLines];
  logic [Ends*IdxW-1:0] pair_in_q, pair_q;
  logic [Width*ActW-1:0] act_in_q;
  logic [TokenW-1:0] act_token_q;
  logic [PairLineW-1:0] pair_line_q;
  logic [ActLineW-1:0] act_line_q;
  logic pair_in_last_q, pair_in_valid_q, act_in_last_q, act_in_valid_q;
  logic pair_wr_q, act_wr_q, pair_rd_q, act_rd_q;  // banks
  logic [1:0] pair_full_q, act_full_q;
  logic release_it;
  mode_e mode_q;  // of the job under way

  always_ff @(posedge clk_i) begin
    pair_in_q      <= pair_data_i;
    pair_line_q    <= pair_addr_i;
    pair_in_last_q <= pair_last_i;
    act_in_q       <= act_data_i;
    act_line_q     <= act_addr_i;
    act_token_q    <= act_token_i;
    act_in_last_q  <= act_last_i;
    if (pair_in_valid_q) pair_mem[{pair_wr_q, pair_line_q}] <= pair_in_q;
    act_free_o  <= !act_full_q[act_wr_q];
    pair_free_o <= !pair_full_q[pair_wr_q];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      pair_in_valid_q <= 1'b0;
      act_in_valid_q  <= 1'b0;
      pair_wr_q       <= 1'b0;
      act_wr_q        <= 1'b0;
      pair_rd_q       <= 1'b0;
      act_rd_q        <= 1'b0;
      pair_full_q     <= '0;
      act_full_q      <= '0;
    end else begin
      pair_in_valid_q <= pair_valid_i;
      act_in_valid_q  <= act_valid_i;
      if (pair_in_valid_q && pair_in_last_q) begin
        pair_full_q[pair_wr_q] <= 1'b1;
        pair_wr_q              <= !pair_wr_q;
      end
      if (act_in_valid_q && act_in_last_q) begin
        act_full_q[act_wr_q] <= 1'b1;
        act_wr_q             <= !act_wr_q;
      end
      if (release_it) begin
        act_full_q[act_rd_q] <= 1'b0;
        act_rd_q             <= !act_rd_q;
      end
      if (release_it && mode_q != ModeGather) begin
        pair_full_q[pair_rd_q] <= 1'b0;
        pair_rd_q              <= !pair_rd_q;
      end
    end
  end

  // ---- what is read next: one index a cycle -----------------------------------------------------------------------------
  typedef enum logic [1:0] {
    Idle,
    Work,
    Leave  // until the last read is done and the banks are free
  } state_e;

  state_e state_q;
  logic [ElemW-1:0] elem_q;
  logic [15:0] left_q;  // blocks still to begin, with the one under way
  logic last_q;
  logic [TurnW-1:0] turn_q, turn_top_q;  // of the tokens of every copy
  logic [RoomW-1:0] credits_q;
  logic some_q;  // there is a credit
  logic pop;
  wire turn_ends = turn_q == turn_top_q;
  wire begins = elem_q[StepW-1:0] == '0 && turn_q == '0;
  wire ends = elem_q[StepW-1:0] == '1 && turn_ends;
  wire step = state_q == Work && (!begins || some_q);
  wire final_step = step && ends && left_q == 16'd1;
  wire both = act_full_q[act_rd_q] && (pair_full_q[pair_rd_q] || s_job_mode_i == ModeGather);
  wire start = state_q == Idle && s_job_valid_i && both;

  assign s_job_ready_o = state_q == Idle && both;

  always_ff @(posedge clk_i) begin
    if (start) begin
      elem_q <= ElemW'(s_job_first_i) << StepW;
      left_q <= s_job_blocks_i;
      last_q <= s_job_last_i;
      mode_q <= s_job_mode_i;
      turn_top_q <= (s_job_tokens_i < 4'(PerCopy)) ? TurnW'(s_job_tokens_i - 4'd1) : TurnW'(PerCopy - 1);
      turn_q <= '0;
    end else if (step) begin
      turn_q <= turn_ends ? '0 : turn_q + TurnW'(1);
      if (turn_ends) elem_q <= elem_q + ((ends && mode_q == ModeSearch) ? ElemW'((Slices - 1) * Steps + 1) : ElemW'(1));
      if (ends) left_q <= left_q - 16'd1;
    end
    if (!rst_ni || clear_i) begin
      state_q   <= Idle;
      credits_q <= RoomW'(Room);
      some_q    <= 1'b1;
    end else begin
      unique case (state_q)
        Idle: if (start) state_q <= s_job_some_i ? Work : Leave;
        Work: if (final_step) state_q <= last_q ? Leave : Idle;
        default: if (release_it) state_q <= Idle;
      endcase
      if (step && begins && !pop) begin
        credits_q <= credits_q - RoomW'(1);
        some_q    <= credits_q != RoomW'(1);
      end else if (pop && !(step && begins)) begin
        credits_q <= credits_q + RoomW'(1);
        some_q    <= 1'b1;
      end
    end
  end

  // ---- 1 pair word, 2 index, 3 activation word, 4 activation, 5 block -----------------------------------------------------
  logic [EndW-1:0] sel_q;
  logic [SelW-1:0] act_sel_q;
  logic [IdxW-1:0] index_q, own_q;
  mode_e mode1_q;  // beside sel_q
  mode_e [3:0] mode_pipe_q;
  logic [4:0] valid_q, ends_q;
  logic [3:0][TurnW-1:0] turn_pipe_q;  // beside sel_q, index_q, act_q, value_q
  logic [2:0] leave_q;
  logic [Tokens-1:0][Steps*ActW-1:0] block_q;

  always_ff @(posedge clk_i) begin
    pair_q    <= pair_mem[{pair_rd_q, elem_q[ElemW-1:EndW]}];
    sel_q     <= elem_q[EndW-1:0];
    own_q     <= IdxW'(elem_q >> 1);
    mode1_q   <= mode_q;
    mode_pipe_q <= {mode_pipe_q[2:0], mode1_q};
    turn_pipe_q <= {turn_pipe_q[2:0], turn_q};
    index_q   <= (mode1_q == ModeGather) ? own_q : pair_q[sel_q*IdxW+:IdxW];
    act_sel_q <= index_q[SelW-1:0];
    ends_q <= {ends_q[3:0], ends};
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      leave_q <= '0;
    end else begin
      valid_q <= {valid_q[3:0], step};
      leave_q <= {leave_q[1:0], (final_step && last_q) || (start && !s_job_some_i)};
    end
  end
  assign release_it = leave_q[2];

  localparam int unsigned ActLines = (2 << $clog2(PerCopy)) * MaxInputs / Width;
  localparam int unsigned ActAddrW = $clog2(ActLines);

  for (genvar c = 0; c < Copies; c++) begin : gen_copy
    localparam int unsigned First = c * PerCopy;
    logic [Width*ActW-1:0] act_q;
    logic [ActW-1:0] value_q;
    wire mine = 32'(act_token_q) < First + PerCopy && 32'(act_token_q) + 1 > First;
    wire [TurnW-1:0] place = TurnW'(32'(act_token_q) - First);

    linear_synth_ram #(
        .Words(ActLines), .DataW(Width * ActW)
    ) i_ram (
        .clk_i, .we_i(act_in_valid_q && mine), .waddr_i(ActAddrW'({place, act_wr_q, act_line_q})), .data_i(act_in_q), .en_i(1'b1),
        .raddr_i(ActAddrW'({turn_pipe_q[1], act_rd_q, index_q[IdxW-1:SelW]})), .read_o(act_q)
    );

    always_ff @(posedge clk_i) begin
      value_q <= act_q[act_sel_q*ActW+:ActW];
      for (int unsigned k = 0; k < PerCopy && First + k < Tokens; k++) begin
        if (valid_q[3] && turn_pipe_q[3] == TurnW'(k)) block_q[First+k] <= {value_q, block_q[First+k][Steps*ActW-1:ActW]};
      end
    end
  end

  logic queue_ready;
  logic [1:0] mode;
  logic [RoomW-1:0] unused_level;
  fifo #(
      .Width(Tokens * Steps * ActW + 2), .Depth(Room)
  ) i_queue (
      .clk_i, .rst_ni, .clear_i, .s_data_i({mode_pipe_q[3], block_q}), .s_valid_i(valid_q[4] && ends_q[4]), .s_ready_o(queue_ready),
      .m_data_o({mode, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(unused_level)
  );
  assign m_axis_mode_o = mode_e'(mode);
  assign pop    = m_axis_tvalid && m_axis_tready;
  assign busy_o = state_q != Idle || s_job_valid_i;

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) valid_q[4] && ends_q[4] |-> queue_ready);
  a_banks :  // nothing is written over what is still needed
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      (pair_in_valid_q |-> !pair_full_q[pair_wr_q]) and (act_in_valid_q |-> !act_full_q[act_wr_q]));
  a_read_full :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      state_q == Work |-> act_full_q[act_rd_q] && (pair_full_q[pair_rd_q] || mode_q == ModeGather));
endmodule
