// lut2d_control: decides in every cycle whether the slice looks up, steals a read for the drain, or waits.
//
//   job      = runs in order;  run = header beat, then consecutive blocks with one exponent
//   block    = slots 0 .. slots-1, one index word each
//   bank     = a run's sums live in one bank of the narrow memory and restart from zero in its first block. The end of
//              the run closes the bank: its slots are drained by *stolen* reads (a cycle without lookup) while the
//              next run fills the other bank. Without Start, where the drain is idle and no take is to come, that begins in the
//              run's last block already, a few slots behind the lookups.
//   take     = within a run every slot is drained once per Window blocks at no cost: slot s of the run's block j
//              with (j + Slots) % Window == s sends the old sum to the drain by the very read whose value the
//              lookup would add, and restarts from zero. Without Start a run of up to Window blocks has none.
//
// Header:     [2:0] exponent, [31:16] number of the job's blocks up to the end of this run; the rest is ignored.
// Timing:     a word is consumed at stage 0; everything for stage 1 is registered here.
//             One cycle per slot; plus 2 per run (header, close), 1 per stolen read, 1 per job; two cycles after each
//             block of fewer than 3 slots.
// Deadlock:   steals go before lookups and need only the drain, so a closed bank always empties; early ones wait for lookups
//             that are no takes, and so for nothing else.
//
// Parameters: see lut2d; Window is the longest run of blocks that cannot overflow a narrow sum.
module lut2d_control #(
    parameter int unsigned Slots = 16,
    parameter int unsigned Window = 32,
    parameter int unsigned BlocksW = 12,
    parameter int unsigned CountW = 1,
    parameter bit Start = 1'b1,
    localparam int unsigned SlotW = (Slots > 1) ? $clog2(Slots) : 1
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    // job
    input  logic                job_valid_i,
    output logic                job_ready_o,
    input  logic [ BlocksW-1:0] job_blocks_i,
    input  logic [     SlotW:0] job_slots_i,
    input  logic [         1:0] job_code_i,
    input  logic [  CountW-1:0] job_turns_i,
    output logic [         1:0] code_o,
    // header beats and index words
    input  logic                beat_valid_i,
    output logic                beat_ready_o,
    input  logic [        31:0] beat_i,
    output logic                words_o,       // the next beat belongs to words
    input  logic                word_valid_i,
    output logic                word_ready_o,
    output logic                word_last_o,
    // rows
    input  logic                row_valid_i,
    output logic                row_release_o,
    // stage 1
    output logic                valid_o,
    output logic                gate_o,
    output logic                load_o,
    output logic [     SlotW:0] addr_o,
    // what a load drains, at stage 1
    input  logic                drain_ready_i,
    output logic [         2:0] drain_exp_o,
    output logic                drain_first_o,
    output logic                drain_last_o,
    output logic                drain_end_o,
    output logic [  CountW-1:0] drain_turns_o
);
  localparam int unsigned WinW = $clog2(Window);
  localparam logic [WinW-1:0] FirstAge = WinW'(Slots % Window);

  typedef enum logic [2:0] {
    Idle,
    Head,   // waits for the header of a run
    Run,
    Gap0,   // two cycles that keep short blocks apart
    Gap1,
    Close   // waits until the drain can take over the bank
  } state_e;

  state_e state_q, after;
  logic [BlocksW-1:0] blocks_q, end_q, begun_q;  // blocks of the job, to the run's end, begun
  logic [SlotW-1:0] slot_q, top_q;               // this slot, the last slot
  logic short_q, run_last_q, job_last_q;         // short blocks; in the run's, the job's last block
  logic long_q;                                  // the run has more than Window blocks
  logic [1:0] code_q;
  logic [2:0] exp_q;
  logic restart_q, bank_q;                       // the run's first block; the bank being filled
  logic [WinW-1:0] age_q;
  logic [CountW-1:0] turns_q, flush_turns_q;

  localparam int unsigned Behind = 3;  // slots from a lookup to the first read that finds its sum

  logic flush_q, flush_bank_q, flush_last_q, load_flush_q;
  logic flush_all_q, behind_q;  // every slot may be read: the last block is over; the next one may
  logic [SlotW-1:0] flush_slot_q, flush_top_q;
  logic [2:0] flush_exp_q;
  logic [SlotW:0] fresh_q;                       // slots from here on have not been drained in this job

  wire at_top = slot_q == top_q;
  wire flush_all = Start || flush_all_q;
  wire steal = flush_q && drain_ready_i && (flush_all || behind_q);
  wire takes = (Start || long_q) && !restart_q;
  wire take = takes && age_q == WinW'(slot_q);
  wire go = state_q == Run && row_valid_i && !steal && (!take || (drain_ready_i && !flush_q));
  wire fire = word_valid_i && go;
  wire flush_done = steal && flush_slot_q == flush_top_q;
  // In the last block, where its take, if it has one, is over: the flags are right from the third slot on.
  wire early = !Start && state_q == Run && !flush_q && run_last_q && slot_q >= SlotW'(Behind) && !short_q
      && (!takes || age_q > WinW'(top_q) || age_q < WinW'(slot_q));
  wire close = state_q == Close && (!flush_q || !flush_all);
  wire begin_it = early || (close && !flush_q);

  assign job_ready_o   = state_q == Idle;
  assign code_o        = code_q;
  assign beat_ready_o  = state_q == Head;
  assign words_o       = state_q == Run;
  assign word_ready_o  = go;
  assign word_last_o   = at_top;
  assign row_release_o = fire && at_top;
  assign after         = run_last_q ? Close : Run;

  always_ff @(posedge clk_i) begin
    run_last_q <= begun_q == end_q;
    behind_q   <= (SlotW + 1)'(flush_slot_q) + (SlotW + 1)'(Behind) <= (SlotW + 1)'(slot_q);
    job_last_q <= begun_q == blocks_q;
    if (job_ready_o) begin
      blocks_q <= job_blocks_i;
      top_q    <= SlotW'(job_slots_i - (SlotW + 1)'(1));
      short_q  <= job_slots_i < (SlotW + 1)'(3);
      code_q   <= job_code_i;
      turns_q <= job_turns_i;
    end
    if (beat_ready_o) begin
      exp_q <= beat_i[2:0];
      end_q <= BlocksW'(beat_i[31:16]);
      long_q <= 17'(beat_i[31:16]) - 17'(begun_q) > 17'(Window);
    end
    if (begin_it) begin
      flush_bank_q <= bank_q;
      flush_exp_q  <= exp_q;
      flush_last_q <= job_last_q;
      flush_top_q  <= top_q;
      flush_turns_q <= turns_q;
    end
    gate_o       <= restart_q || take;
    addr_o       <= steal ? {flush_bank_q, flush_slot_q} : {bank_q, slot_q};
    load_flush_q <= steal;
  end

  assign drain_exp_o   = load_flush_q ? flush_exp_q : exp_q;
  assign drain_turns_o = load_flush_q ? flush_turns_q : turns_q;
  assign drain_first_o = fresh_q == {1'b0, addr_o[SlotW-1:0]};
  assign drain_last_o  = load_flush_q && flush_last_q;
  assign drain_end_o   = addr_o[SlotW-1:0] == flush_top_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q      <= Idle;
      slot_q       <= '0;
      begun_q      <= '0;
      bank_q       <= 1'b0;
      restart_q    <= 1'b1;
      age_q        <= FirstAge;
      flush_q      <= 1'b0;
      flush_slot_q <= '0;
      flush_all_q  <= 1'b1;
      fresh_q      <= '0;
      valid_o      <= 1'b0;
      load_o       <= 1'b0;
    end else begin
      valid_o <= fire;
      load_o  <= steal || (fire && take);

      if (fire) slot_q <= at_top ? '0 : slot_q + SlotW'(1);
      if (job_ready_o) begun_q <= '0;
      else if (fire && slot_q == '0) begun_q <= begun_q + BlocksW'(1);
      if (close) begin
        bank_q    <= !bank_q;
        restart_q <= 1'b1;
        age_q     <= FirstAge;
      end else if (row_release_o) begin
        restart_q <= 1'b0;
        age_q     <= age_q + WinW'(1);
      end

      if (begin_it) flush_q <= 1'b1;
      else if (flush_done) flush_q <= 1'b0;
      if (close) flush_all_q <= 1'b1;
      else if (early) flush_all_q <= 1'b0;
      if (begin_it) flush_slot_q <= '0;
      else if (steal) flush_slot_q <= (!Start && flush_done) ? '0 : flush_slot_q + SlotW'(1);
      if (load_o) begin
        if (drain_last_o && drain_end_o) fresh_q <= '0;
        else if (drain_first_o) fresh_q <= fresh_q + (SlotW + 1)'(1);
      end

      unique case (state_q)
        Idle: if (job_valid_i) state_q <= Head;
        Head: if (beat_valid_i) state_q <= Run;
        Run: if (row_release_o) state_q <= short_q ? Gap0 : after;
        Gap0: state_q <= Gap1;
        Gap1: state_q <= after;
        default: if (close) state_q <= job_last_q ? Idle : Head;
      endcase
    end
  end

  logic unused;
  assign unused = &{1'b0, beat_i};

  a_job :
  assert property (@(posedge clk_i) disable iff (!rst_ni) job_valid_i && job_ready_o |->
      job_blocks_i != '0 && job_slots_i != '0 && job_slots_i <= (SlotW + 1)'(Slots));
  a_header :
  assert property (@(posedge clk_i) disable iff (!rst_ni) beat_valid_i && beat_ready_o |->
      beat_i[31:16] > 16'(begun_q) && beat_i[31:16] <= 16'(blocks_q));
  a_fresh :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      load_o |-> {1'b0, addr_o[SlotW-1:0]} <= fresh_q);
  a_steal_alone :
  assert property (@(posedge clk_i) disable iff (!rst_ni) steal |-> !fire);
endmodule
