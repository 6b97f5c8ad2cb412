// row_synth: row source that computes. The rows of a position are its two activations times the weight codebook.
//
//   row(p, t)[k] = sat(rne((a0[p][t] * w0[p][k] + a1[p][t] * w1[p][k]) / 2^shift))     k = 0 .. K-1, K = 16 << code <= Centroids
//
// Numbers:     a ActW bits signed, w int8, the sum exact; rne rounds half to even, sat clips to EntryW bits signed.
// Codebooks:   s_axis_cb: [position][K][2] int8 without gaps, w0 of centroid i of a beat at 16*i, w1 at 16*i + 8. A block of Lanes
//              positions is Lanes*K*16/BeatW beats. They are written into a ring as soon as there is room: ahead of use, also for
//              jobs that come later.
// Activations: s_axis_act: one beat a block: token t, lane l has a0 at (t*Lanes + l)*2*ActW and a1 at ActW above.
// Row stream:  as all row sources: block b = K beats; beat k holds entry k of token t, lane l (position b*Lanes + l) at bit
//              (t*Lanes + l)*EntryW; tlast on a block's last beat. A job gives `blocks` blocks. Tokens share the codebooks.
//
// Latency:       D = Lanes + 10, two less with MaxShift = 0: from a block's last codebook beat, or its activations, to its first row
//                beat, when the rest is there; D + 1 from the job.
// Throughput:    one row beat a cycle, K cycles a block, without gaps between blocks and jobs, as long as inputs come in time.
//                s_axis_cb: one beat a cycle while there is room. s_axis_act: one block is held in front of the one in use.
// Back-pressure: readies depend only on registers: rows wait in a queue, and an entry is begun only when it has room there.
// Overflow:      none: the sum has ActW + 9 bits, so has the sum with the rounding constant.
// Errors:        an illegal job is refused: cause_o says why, error_o stays, no job is taken any more; jobs before it finish.
//                Codebooks of the refused job may be in the ring: clear_i (one cycle) empties the core, takes the error away.
// Reset:         synchronous, active low; empties the core and the ring as clear_i does.
//
// Parameters:
//   Lanes      positions per block: 1, 2, 4, 8
//   Tokens     tokens that share a codebook, >= 1: two DSP blocks for each token and lane
//   Centroids  largest K: 16, 32, 64
//   ActW       bits of an activation, 8..12
//   EntryW     bits of an entry, 8..16
//   MaxShift   largest shift, 0..15; 0 leaves the shifters out
//   BeatW      bits of a codebook beat: 128, 256
//   RingBeats  codebook beats held, a power of two, >= 2, >= those of a block; those of two let loading and use overlap
//   BlocksW    bits of blocks
module row_synth
  import row_synth_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Centroids = 64,
    parameter int unsigned ActW = 12,
    parameter int unsigned EntryW = 16,
    parameter int unsigned MaxShift = 15,
    parameter int unsigned BeatW = 256,
    parameter int unsigned RingBeats = (Lanes * Centroids * 32 / BeatW > 32) ? Lanes * Centroids * 32 / BeatW : 32,
    parameter int unsigned BlocksW = 16
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           clear_i,
    input  logic [            BlocksW-1:0] s_job_blocks,
    input  logic [                    1:0] s_job_code,          // 0: K = 16, 1: 32, 2: 64
    input  logic [                    3:0] s_job_shift,
    input  logic                           s_job_tvalid,
    output logic                           s_job_tready,
    input  logic [Tokens*Lanes*2*ActW-1:0] s_axis_act_tdata,
    input  logic                           s_axis_act_tvalid,
    output logic                           s_axis_act_tready,
    input  logic [              BeatW-1:0] s_axis_cb_tdata,
    input  logic                           s_axis_cb_tvalid,
    output logic                           s_axis_cb_tready,
    output logic [Tokens*Lanes*EntryW-1:0] m_axis_row_tdata,
    output logic                           m_axis_row_tvalid,
    input  logic                           m_axis_row_tready,
    output logic                           m_axis_row_tlast,
    output logic                           busy_o,              // a job is under way, up to its last row beat
    output logic                           error_o,
    output cause_e                         cause_o
);
  localparam int unsigned IdxW = $clog2(Centroids);
  localparam int unsigned PerBeat = BeatW / 16;
  localparam int unsigned StepW = $clog2(PerBeat);
  localparam int unsigned PieceW = (IdxW > StepW) ? IdxW - StepW : 1;
  localparam int unsigned Arrive = Lanes + 1;  // cycles from an entry's issue to the edge that gives its centroids
  localparam int unsigned Compute = (MaxShift > 0) ? 7 : 5;  // from there to its result
  localparam int unsigned Room = Arrive + Compute + 2;  // covers the round trip of a credit

  if (!(Lanes inside {1, 2, 4, 8})) $error("%m: Lanes is %0d, allowed: 1, 2, 4, 8", Lanes);
  if (Tokens < 1) $error("%m: Tokens is %0d, allowed: >= 1", Tokens);
  if (!(Centroids inside {16, 32, 64})) $error("%m: Centroids is %0d, allowed: 16, 32, 64", Centroids);
  if (ActW < 8 || ActW > 12) $error("%m: ActW is %0d, allowed: 8..12", ActW);
  if (EntryW < 8 || EntryW > 16) $error("%m: EntryW is %0d, allowed: 8..16", EntryW);
  if (MaxShift > 15) $error("%m: MaxShift is %0d, allowed: 0..15", MaxShift);
  if (!(BeatW inside {128, 256})) $error("%m: BeatW is %0d, allowed: 128, 256", BeatW);
  localparam int unsigned BlockBeats = Lanes * Centroids / PerBeat;
  if (RingBeats < BlockBeats || RingBeats < 2 || 2 ** $clog2(RingBeats) != RingBeats)
    $error("%m: RingBeats is %0d, allowed: powers of two >= %0d", RingBeats, (BlockBeats > 2) ? BlockBeats : 2);

  // ---- what is computed next ----------------------------------------------------------------------------------------
  logic issue, issue_first, issue_last, book_ready, act_valid_q, issue_busy, rows_busy;
  logic [IdxW-1:0] issue_entry;
  logic [1:0] issue_code;
  logic [3:0] issue_shift;
  wire pop = m_axis_row_tvalid && m_axis_row_tready;

  row_synth_issue #(
      .Centroids(Centroids), .MaxShift(MaxShift), .BlocksW(BlocksW), .Credits(Room)
  ) u_issue (
      .clk_i, .rst_ni, .clear_i, .s_job_blocks, .s_job_code, .s_job_shift, .s_job_tvalid, .s_job_tready,
      .book_ready_i(book_ready), .act_valid_i(act_valid_q), .pop_i(pop), .issue_o(issue), .first_o(issue_first),
      .last_o(issue_last), .entry_o(issue_entry), .code_o(issue_code), .shift_o(issue_shift), .busy_o(issue_busy),
      .rows_busy_o(rows_busy), .cause_o
  );
  assign error_o = cause_o != CauseNone;
  assign busy_o  = issue_busy || rows_busy;

  // ---- codebooks: ring of beats, then a beat in front of every lane -------------------------------------------------
  logic [BeatW-1:0] beat;
  logic [Lanes*16-1:0] centroids;
  wire piece_first = issue && issue_entry[StepW-1:0] == '0;
  logic [PieceW-1:0] piece;
  if (IdxW > StepW) begin : gen_pieces
    assign piece = issue_entry[IdxW-1:StepW];
  end else begin : gen_one_piece
    assign piece = '0;
  end

  row_synth_ring #(
      .Lanes(Lanes), .BeatW(BeatW), .RingBeats(RingBeats), .PieceW(PieceW)
  ) u_ring (
      .clk_i, .rst_ni, .clear_i, .s_axis_cb_tdata, .s_axis_cb_tvalid, .s_axis_cb_tready, .code_i(issue_code),
      .ready_o(book_ready), .claim_i(issue_first), .release_i(issue_last), .read_i(piece_first), .piece_i(piece), .data_o(beat)
  );

  row_synth_select #(
      .Lanes(Lanes), .BeatW(BeatW)
  ) u_select (
      .clk_i, .load_i(piece_first), .step_i(issue_entry[StepW-1:0]), .beat_i(beat), .centroids_o(centroids)
  );

  // ---- activations: those of the next block wait here until its first entry arrives ----------------------------------
  logic [Tokens*Lanes*2*ActW-1:0] act_q;
  logic act_load;
  assign s_axis_act_tready = !act_valid_q;
  always_ff @(posedge clk_i) begin
    if (s_axis_act_tready) act_q <= s_axis_act_tdata;
    if (!rst_ni || clear_i) act_valid_q <= 1'b0;
    else act_valid_q <= act_valid_q ? !act_load : s_axis_act_tvalid;
  end

  // ---- what travels beside an entry: [0] is the issue delayed by one --------------------------------------------------
  localparam int unsigned Cycles = Arrive + Compute;
  logic [Cycles-1:0] valid_q, last_q;
  logic [Arrive-1:0] first_q;
  logic [3:0] shift_q[Arrive+5];
  always_ff @(posedge clk_i) begin
    last_q     <= Cycles'({last_q, issue_last});
    shift_q[0] <= issue_shift;
    for (int unsigned i = 1; i < Arrive + 5; i++) shift_q[i] <= shift_q[i-1];
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      first_q <= '0;
    end else begin
      valid_q <= Cycles'({valid_q, issue});
      first_q <= Arrive'({first_q, issue_first});
    end
  end
  assign act_load = first_q[Arrive-1];

  // ---- entries -------------------------------------------------------------------------------------------------------
  logic [14:0] half_q;
  always_ff @(posedge clk_i) half_q <= 15'((16'd1 << shift_q[Arrive]) >> 1);

  logic [Tokens*Lanes*EntryW-1:0] entries;
  for (genvar t = 0; t < Tokens; t++) begin : gen_token
    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      row_synth_entry #(
          .ActW(ActW), .EntryW(EntryW), .MaxShift(MaxShift)
      ) u_entry (
          .clk_i, .act_load_i(act_load), .act_i(act_q[(t*Lanes+l)*2*ActW+:2*ActW]), .centroid_i(centroids[l*16+:16]),
          .half_i(half_q), .shift_high_i(shift_q[Arrive+3]), .shift_low_i(shift_q[Arrive+4][1:0]),
          .entry_o(entries[(t*Lanes+l)*EntryW+:EntryW])
      );
    end
  end

  // ---- rows ----------------------------------------------------------------------------------------------------------
  logic queue_ready;
  logic [$clog2(Room+1)-1:0] unused_level;
  fifo #(
      .Width(Tokens * Lanes * EntryW + 1), .Depth(Room)
  ) u_queue (
      .clk_i, .rst_ni, .clear_i, .s_data_i({last_q[Cycles-1], entries}), .s_valid_i(valid_q[Cycles-1]), .s_ready_o(queue_ready),
      .m_data_o({m_axis_row_tlast, m_axis_row_tdata}), .m_valid_o(m_axis_row_tvalid), .m_ready_i(m_axis_row_tready),
      .level_o(unused_level)
  );

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) valid_q[Cycles-1] |-> queue_ready);
  a_act_there :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) act_load |-> act_valid_q);
  a_row_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_axis_row_tvalid && !m_axis_row_tready |=> m_axis_row_tvalid && $stable({m_axis_row_tdata, m_axis_row_tlast}));
  a_error_stops :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) error_o |-> !s_job_tready);
endmodule
