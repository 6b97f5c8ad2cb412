// lut2d: the lookup slice. Lanes positions x Units outputs a cycle are looked up in rows, added, scaled and accumulated.
//
//   acc[t][n] = start[n] + sum over blocks b, lanes l of  row[t][b][l][ index[b][l][n] ] << exponent[b]
//
// Formats:    entries EntryW signed; exponent 0..7; start 32 bit signed, |start| <= 2^(StartW-1); acc AccW bits signed,
//             sign-extended to 32. Exact integers, no rounding.
// Streams (valid/ready; nothing depends on the order in which they arrive):
//   s_job        blocks >= 1, slots 1..Slots, code 0/1/2 = 16/32/64 centroids (<= Centroids); without Start tokens 1..Tokens
//   s_axis_row   Tokens*Lanes entries, token t lane l at [(t*Lanes+l)*EntryW +: EntryW]; one beat for each of the job's
//                centroids, tlast on a block's last. Rows of the next block or job may run ahead.
//   s_axis_idx   the job's blocks in runs of consecutive blocks with one exponent. In front of a run its header beat:
//                [2:0] exponent, [31:16] number of the job's blocks up to the end of the run. Then per block `slots`
//                words of Lanes*Units fields of 4 + code bits, field l*Units+u, packed LSB first without gaps; every
//                block begins a fresh beat.
//   s_axis_start start values in output order, DrainW of 32 bits a beat, slots*Units values a job
//   m_axis_acc   outputs n = slot*Units + unit in order, DrainW a beat: token t value d at [(t*DrainW+d)*32 +: 32];
//                tlast on a job's last beat. Without Start the sums of a slot leave for Drains of the job's tokens at a time,
//                0 .. Drains-1 first; a last beat of fewer is filled up with what is not needed
// Accumulation: in two levels. Beside the units run narrow sums of at most Window blocks with one exponent; then a
//             slot's sums are shifted and added to AccW-bit sums in block RAM, DrainW a cycle (see lut2d_control).
// Throughput: a block takes max(slots, centroids, its index beats) cycles; plus `slots` + 2 per run (header, close, one
//             stolen read a slot; hidden where a block has idle cycles) and 1 per job. A run's drain takes
//             slots*Units/DrainW cycles, without Start as many for every Drains of the job's tokens, and must be over before the next
//             run ends: shorter runs wait for it, and so does a run's block Window-Slots, where its takes begin; without Start only
//             runs of more than Window blocks have takes. With Units/DrainW < 8, and for the slots that take a start value or
//             deliver, 3 cycles more a slot; not so without Start. A take waits where a slot's drain is longer than a block.
// Latency:    9 cycles from a job's last index word to its first output (if the drain is idle); the last output comes
//             slots*(Units/DrainW + 3) - 4 cycles after the first, without stalls. Without Start 10 cycles and
//             turns*slots*Units/DrainW - 1, turns = tokens/Drains rounded up, or 12 from the first index word of the last
//             block, if there are 4 slots at least, the drain is idle and no take is in that block.
// Back-pressure: with Start one gate between m_axis_acc_tready and s_axis_start_tready; no other path through.
// Overflow:   narrow sums cannot: Window*Lanes*2^(EntryW-1) <= 2^(NarrowW-1). Wide sums cannot:
//             Lanes*MaxBlocks*2^(EntryW-1+7) + 2^(StartW-1) <= 2^(AccW-1) is demanded at elaboration; both asserted.
//             With SumPromised only the final sums must fit, and that is the caller's promise: sums on the way may wrap
//             modulo 2^AccW, which does no harm, so neither the bound nor the assertion of the wide sums is there.
// Reset:      synchronous, active low; forgets everything.
//
// Parameters:
//   Lanes      positions a cycle; Lanes*Units*4 must be BeatW
//   Units      outputs a cycle; Lanes*Units >= 8
//   Slots      outputs per unit: a job has up to Units*Slots outputs
//   Centroids  largest row: 16, 32 or 64
//   EntryW     bits of a row entry, 4..16
//   Tokens     copies of rows and narrow sums behind one index stream, >= 1; with Start of wide sums and outputs, too
//   NarrowW    bits of a narrow sum: Window = 2^(NarrowW-EntryW-log2(Lanes)) > Slots, <= 65536
//   AccW       bits of an accumulator, NarrowW + 7..32
//   DrainW     values drained a cycle; Units/DrainW a power of two >= 4
//   StartW     bits of a start value
//   MaxBlocks  blocks of a job at most, 1..65535, see Overflow
//   BeatW      bits of an index beat
//   Start      1: there are start values, and a job has all tokens; 0: sums start from zero, s_axis_start is ignored. Then nothing
//              stalls the drain: results wait in a queue, and a slot is only drained when it has room there
//   Drains     without Start: tokens that are drained at a time, a divisor of Tokens
//   UseDsp     1: the drain shifts by multiplying, DrainW DSP blocks a drain; 0: about 26 LUTs more each
//   SumPromised  1: the caller knows that every final sum fits AccW (see Overflow)
module lut2d #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 16,
    parameter int unsigned Centroids = 16,
    parameter int unsigned EntryW = 8,
    parameter int unsigned Tokens = 1,
    parameter int unsigned NarrowW = EntryW + $clog2(Lanes) + 5,
    parameter int unsigned AccW = 28,
    parameter int unsigned DrainW = 2,
    parameter int unsigned StartW = AccW - 1,
    parameter int unsigned MaxBlocks = 2048,
    parameter int unsigned BeatW = 256,
    parameter bit UseDsp = 1'b1,
    parameter bit SumPromised = 1'b0,
    parameter bit Start = 1'b1,
    parameter int unsigned Drains = Start ? Tokens : 1,
    localparam int unsigned BlocksW = $clog2(MaxBlocks + 1),
    localparam int unsigned SlotW = (Slots > 1) ? $clog2(Slots) : 1,
    localparam int unsigned CountW = $clog2(Tokens + 1)
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic [            BlocksW-1:0] s_job_blocks_i,
    input  logic [                SlotW:0] s_job_slots_i,
    input  logic [                    1:0] s_job_code_i,
    input  logic [             CountW-1:0] s_job_tokens_i,
    input  logic                           s_job_valid_i,
    output logic                           s_job_ready_o,
    input  logic [Tokens*Lanes*EntryW-1:0] s_axis_row_tdata,
    input  logic                           s_axis_row_tlast,
    input  logic                           s_axis_row_tvalid,
    output logic                           s_axis_row_tready,
    input  logic [              BeatW-1:0] s_axis_idx_tdata,
    input  logic                           s_axis_idx_tvalid,
    output logic                           s_axis_idx_tready,
    input  logic [          DrainW*32-1:0] s_axis_start_tdata,
    input  logic                           s_axis_start_tvalid,
    output logic                           s_axis_start_tready,
    output logic [   Drains*DrainW*32-1:0] m_axis_acc_tdata,
    output logic                           m_axis_acc_tlast,
    output logic                           m_axis_acc_tvalid,
    input  logic                           m_axis_acc_tready
);
  localparam int unsigned IdxW = $clog2(Centroids);
  localparam int unsigned Fields = Lanes * Units;
  localparam int unsigned SumW = EntryW + $clog2(Lanes);  // of one block
  localparam int unsigned Window = (NarrowW > SumW) ? 1 << (NarrowW - SumW) : 2;
  localparam int unsigned Steps = (DrainW > 0 && Units / DrainW > 1) ? Units / DrainW : 2;  // 2 is refused below
  localparam int unsigned StepW = $clog2(Steps);
  localparam int unsigned Turns = (Drains > 0) ? Tokens / Drains : 1;  // tokens that a drain takes, one after the other
  localparam int unsigned TurnsW = $clog2(Turns + 1);
  localparam int unsigned TurnW = (Turns > 1) ? $clog2(Turns) : 1;
  localparam int unsigned AddrW = $clog2(Turns) + SlotW + StepW;
  // The queue of results, in slots of a token: a place is kept from a slot's load until its last result has left.
  localparam int unsigned One = (Steps >= 8) ? 2 : 4;
  localparam int unsigned Places = (One < Turns + 1) ? 2 * Turns : One + Turns - 1;

  if (Centroids != 16 && Centroids != 32 && Centroids != 64)
    $error("%m: Centroids is %0d, allowed: 16, 32, 64", Centroids);
  if (Fields * 4 != BeatW) $error("%m: Lanes*Units*4 is %0d, allowed: BeatW = %0d", Fields * 4, BeatW);
  if (2 ** $clog2(Lanes) != Lanes) $error("%m: Lanes is %0d, allowed: powers of two", Lanes);
  if (2 ** $clog2(Units) != Units || Fields < 8)
    $error("%m: Units is %0d, allowed: powers of two, Lanes*Units >= 8", Units);
  if (Slots < 1 || Tokens < 1 || DrainW < 1)
    $error("%m: Slots is %0d, Tokens %0d, DrainW %0d, allowed: >= 1", Slots, Tokens, DrainW);
  if (EntryW < 4 || EntryW > 16) $error("%m: EntryW is %0d, allowed: 4..16", EntryW);
  if (NarrowW <= SumW || NarrowW > SumW + 16 || Window <= Slots)
    $error("%m: NarrowW is %0d, allowed: windows of 2^(NarrowW-%0d) blocks, Slots+1..65536", NarrowW, SumW);
  if (Steps * DrainW != Units || 2 ** StepW != Steps || Steps < 4)
    $error("%m: DrainW is %0d, allowed: Units/DrainW a power of two >= 4", DrainW);
  if (Drains < 1 || Tokens % Drains != 0 || (Start && Drains != Tokens))
    $error("%m: Drains is %0d, allowed: divisors of Tokens = %0d, with Start Tokens", Drains, Tokens);
  if (AccW > 32 || AccW < NarrowW + 7) $error("%m: AccW is %0d, allowed: NarrowW+7..32", AccW);
  if (!SumPromised
      && 64'(Lanes) * 64'(MaxBlocks) * (64'd1 << (EntryW + 6)) + (64'd1 << (StartW - 1)) > (64'd1 << (AccW - 1)))
    $error("%m: MaxBlocks is %0d with %0d lanes, allowed: what AccW = %0d holds", MaxBlocks, Lanes, AccW);
  if (MaxBlocks < 1 || MaxBlocks > 65535) $error("%m: MaxBlocks is %0d, allowed: 1..65535", MaxBlocks);

  // ---- rows: two halves, filled and released in turn --------------------------------------------------------------
  logic wr_half_q, rd_half_q, half_q;
  logic [1:0] full_q;
  logic [IdxW-1:0] entry_q;
  logic row_release;
  wire row_take = s_axis_row_tvalid && s_axis_row_tready;
  assign s_axis_row_tready = !full_q[wr_half_q];

  always_ff @(posedge clk_i) begin
    half_q <= rd_half_q;
    if (!rst_ni) begin
      wr_half_q <= 1'b0;
      rd_half_q <= 1'b0;
      full_q    <= '0;
      entry_q   <= '0;
    end else begin
      if (row_take) entry_q <= s_axis_row_tlast ? '0 : entry_q + IdxW'(1);
      if (row_take && s_axis_row_tlast) begin
        full_q[wr_half_q] <= 1'b1;
        wr_half_q         <= !wr_half_q;
      end
      if (row_release) begin
        full_q[rd_half_q] <= 1'b0;
        rd_half_q         <= !rd_half_q;
      end
    end
  end

  // ---- indices: header beats go to the control, the others through the gearbox ----------------------------------
  logic beat_ready, words, word_valid, word_ready, word_last, gear_ready;
  logic [1:0] code;
  logic [Fields*IdxW-1:0] word, word_q;

  assign s_axis_idx_tready = beat_ready || (words && gear_ready);

  gearbox #(
      .Fields(Fields),
      .OutW  (IdxW)
  ) i_gearbox (
      .clk_i,
      .rst_ni,
      .code_i   (code),
      .last_i   (word_last),
      .s_data_i (s_axis_idx_tdata),
      .s_valid_i(s_axis_idx_tvalid && words),
      .s_ready_o(gear_ready),
      .m_data_o (word),
      .m_valid_o(word_valid),
      .m_ready_i(word_ready)
  );

  always_ff @(posedge clk_i) if (word_ready) word_q <= word;

  wire unused_tokens = Start && s_job_tokens_i != '0;

  // ---- control ----------------------------------------------------------------------------------------------------
  logic valid, gate, load;
  logic [SlotW:0] addr;
  logic drain_ready, drain_first, drain_last, drain_end;
  logic [2:0] drain_exp;
  logic [TurnsW-1:0] drain_turns;

  lut2d_control #(
      .Slots  (Slots),
      .Window (Window),
      .BlocksW(BlocksW),
      .CountW (TurnsW),
      .Start  (Start)
  ) i_control (
      .clk_i,
      .rst_ni,
      .job_valid_i  (s_job_valid_i),
      .job_ready_o  (s_job_ready_o),
      .job_blocks_i (s_job_blocks_i),
      .job_slots_i  (s_job_slots_i),
      .job_code_i   (s_job_code_i),
      .job_turns_i (Start ? TurnsW'(1) : TurnsW'((32'(s_job_tokens_i) + Drains - 1) / Drains)),
      .code_o       (code),
      .beat_valid_i (s_axis_idx_tvalid),
      .beat_ready_o (beat_ready),
      .beat_i       (s_axis_idx_tdata[31:0]),
      .words_o      (words),
      .word_valid_i (word_valid),
      .word_ready_o (word_ready),
      .word_last_o  (word_last),
      .row_valid_i  (full_q[rd_half_q]),
      .row_release_o(row_release),
      .valid_o      (valid),
      .gate_o       (gate),
      .load_o       (load),
      .addr_o       (addr),
      .drain_ready_i(drain_ready),
      .drain_exp_o  (drain_exp),
      .drain_first_o(drain_first),
      .drain_last_o (drain_last),
      .drain_end_o  (drain_end),
      .drain_turns_o(drain_turns)
  );

  logic result_valid, result_last, result_ready;
  logic [Drains*DrainW*32-1:0] result;
  logic en, sum_valid, sum_first, wide_we;
  logic [StepW-1:0] sel;
  logic [1:0] pick;
  logic [TurnW-1:0] turn;
  logic [2:0] shift;
  logic [AddrW-1:0] wide_raddr, wide_waddr;

  lut2d_sequencer #(
      .Slots (Slots),
      .Steps (Steps),
      .Turns (Turns),
      .Start (Start),
      .Places(Places)
  ) i_sequencer (
      .clk_i,
      .rst_ni,
      .load_i       (load),
      .slot_i       (addr[SlotW-1:0]),
      .exp_i        (drain_exp),
      .first_i      (drain_first),
      .last_i       (drain_last),
      .end_i        (drain_end),
      .turns_i      (drain_turns),
      .ready_o      (drain_ready),
      .en_o         (en),
      .sel_o        (sel),
      .pick_o       (pick),
      .turn_o       (turn),
      .exp_o        (shift),
      .raddr_o      (wide_raddr),
      .sum_valid_o  (sum_valid),
      .sum_first_o  (sum_first),
      .we_o         (wide_we),
      .waddr_o      (wide_waddr),
      .start_valid_i(s_axis_start_tvalid),
      .start_ready_o(s_axis_start_tready),
      .m_valid_o    (result_valid),
      .m_last_o     (result_last),
      .m_ready_i    (result_ready),
      .pop_i        (m_axis_acc_tvalid && m_axis_acc_tready)
  );

  if (Start) begin : gen_direct
    assign m_axis_acc_tdata  = result;
    assign m_axis_acc_tlast  = result_last;
    assign m_axis_acc_tvalid = result_valid;
    assign result_ready      = m_axis_acc_tready;
  end else begin : gen_queue
    logic [$clog2(Places*Steps+1)-1:0] unused_level;
    fifo #(
        .Width(Drains * DrainW * 32 + 1),
        .Depth(Places * Steps)
    ) i_results (
        .clk_i,
        .rst_ni,
        .clear_i  (1'b0),
        .s_data_i ({result_last, result}),
        .s_valid_i(result_valid),
        .s_ready_o(result_ready),
        .m_data_o ({m_axis_acc_tlast, m_axis_acc_tdata}),
        .m_valid_o(m_axis_acc_tvalid),
        .m_ready_i(m_axis_acc_tready),
        .level_o  (unused_level)
    );
    a_result_room :
    assert property (@(posedge clk_i) disable iff (!rst_ni) result_valid |-> result_ready);
  end

  // ---- datapaths: units per token, and drains -----------------------------------------------------------------------
  logic [Tokens-1:0][DrainW*NarrowW-1:0] value;

  for (genvar t = 0; t < Tokens; t++) begin : gen_token
    lut2d_units #(
        .Lanes    (Lanes),
        .Units    (Units),
        .Slots    (Slots),
        .Centroids(Centroids),
        .EntryW   (EntryW),
        .NarrowW  (NarrowW),
        .DrainW   (DrainW)
    ) i_units (
        .clk_i,
        .rst_ni,
        .row_we_i   (row_take),
        .row_addr_i ({wr_half_q, entry_q}),
        .row_data_i (s_axis_row_tdata[t*Lanes*EntryW+:Lanes*EntryW]),
        .half_i     (half_q),
        .index_i    (word_q),
        .valid_i    (valid),
        .gate_i     (gate),
        .load_i     (load),
        .addr_i     (addr),
        .drain_sel_i(sel),
        .drain_pick_i(pick),
        .drain_mine_i(Start || turn == TurnW'(t / Drains)),
        .drain_en_i (en),
        .value_o    (value[t])
    );
  end

  for (genvar t = 0; t < Drains; t++) begin : gen_drain  // of the tokens t, t + Drains, ...
    logic [DrainW*NarrowW-1:0] drained;
    logic [DrainW*AccW-1:0] acc;

    always_comb begin
      drained = value[t];
      for (int unsigned i = 1; i < Turns; i++) drained = drained | value[i*Drains+t];  // all others are zero
    end

    lut2d_drain #(
        .Depth  (2 ** AddrW),
        .NarrowW(NarrowW),
        .AccW   (AccW),
        .DrainW (DrainW),
        .UseDsp (UseDsp),
        .Start  (Start),
        .SumPromised(SumPromised)
    ) i_drain (
        .clk_i,
        .rst_ni,
        .en_i       (en),
        .value_i    (drained),
        .exp_i      (shift),
        .raddr_i    (wide_raddr),
        .first_i    (sum_first),
        .sum_valid_i(sum_valid),
        .start_i    (s_axis_start_tdata),
        .we_i       (wide_we),
        .waddr_i    (wide_waddr),
        .acc_o      (acc)
    );

    always_comb begin
      for (int unsigned d = 0; d < DrainW; d++) begin
        result[(t*DrainW+d)*32+:32] = 32'($signed(acc[d*AccW+:AccW]));
      end
    end
  end

  // ---- what the header promises -----------------------------------------------------------------------------------
  a_acc_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axis_acc_tvalid && !m_axis_acc_tready |=> m_axis_acc_tvalid && $stable(m_axis_acc_tdata));
  a_code :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_job_valid_i |-> s_job_code_i <= 2'(IdxW - 4));
  a_tokens :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_job_valid_i |-> Start || (s_job_tokens_i != '0 && 32'(s_job_tokens_i) <= Tokens));
  a_row_length :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      row_take && s_axis_row_tlast |-> entry_q inside {IdxW'(15), IdxW'(31), IdxW'(63)});
endmodule
