// row_table: row source of prefill. The table of products of one weight group is held on chip and used by many tokens.
//
//   row(pass, p, t)[k] = table[p][cidx(pass, p, t)][k]     k = 0 .. K-1, K = 16 << k_code <= Centroids; t = 0 .. Tokens-1
//
// Formats:     entries are EntryW-bit two's complement, passed through unchanged.
// Table:       s_axis_table: [position][centroid][K] entries without gaps, LSB first; C * K * EntryW / BeatW beats a position,
//              C = 16 << c_code <= ActCentroids. It is written into a ring of TablePositions positions (more if C or K is
//              smaller) as soon as there is room: ahead of use, also for jobs that come later. tlast is not looked at.
// Indices:     s_axis_cidx: one a beat, order [pass][block][lane][token]. If the last pass has fewer tokens, any index < C fills it.
// Row stream:  block b = K beats; beat k holds entry k of token t, lane l (position b*Lanes + l) at bit (t*Lanes + l)*EntryW; tlast on
//              the last beat of a block. A job gives passes * positions / Lanes blocks.
// Order:       jobs, passes, blocks in order. A block starts when its table has arrived; its words are freed by the last pass.
//
// Latency:       R = Tokens*Lanes; last index of the first block to its first beat: R + 22 cycles, if the table is there.
//                Last table beat of the first block to its first beat: R + 24 cycles, if the indices are there.
// Throughput:    K * ceil(R / 16) cycles a block, without gaps between blocks, as long as one index a cycle and the table come in
//                time: so max(K, R) for K = 16 or R <= 16. Table: one beat a cycle while there is room.
// Back-pressure: readies depend only on registers.
// Overflow:      none: nothing is computed on entries.
// Errors:        an illegal job is refused: cause_o says why, error_o stays, no job is taken any more; jobs before it finish. Table
//                beats of the refused job may be in the ring: clear_i (one cycle) empties the core and takes the error away.
// Reset:         synchronous, active low; empties the core and the ring as clear_i does.
//
// Parameters:
//   Lanes           positions per block: 1, 2, 4, 8
//   Tokens          tokens per pass: 1, 2, 4, 8, 16; Tokens * Lanes <= 64
//   Centroids       largest K: 16, 32, 64
//   ActCentroids    largest C: 16, 32, 64
//   EntryW          bits of an entry: 8, 16
//   BeatW           bits of a beat: 128, 256, 512
//   TablePositions  positions on chip, a power of two, >= Lanes; >= 2*Lanes lets loading and use overlap
//   PosW, PassW     bits of positions and passes
//   MemStyle        ram_style of the ring memory: "auto", "block", "ultra"
module row_table
  import row_table_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Tokens = 8,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned TablePositions = 1024,
    parameter int unsigned PosW = 16,
    parameter int unsigned PassW = 16,
    parameter MemStyle = "auto",
    localparam int unsigned CidxW = $clog2(ActCentroids),
    localparam int unsigned Rows = Tokens * Lanes
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   clear_i,
    input  logic [       PosW-1:0] s_job_positions,
    input  logic [      PassW-1:0] s_job_passes,
    input  logic [            1:0] s_job_k_code,         // 0: K = 16, 1: 32, 2: 64
    input  logic [            1:0] s_job_c_code,         // 0: C = 16, 1: 32, 2: 64
    input  logic                   s_job_tvalid,
    output logic                   s_job_tready,
    input  logic [      BeatW-1:0] s_axis_table_tdata,
    input  logic                   s_axis_table_tvalid,
    output logic                   s_axis_table_tready,
    input  logic [      CidxW-1:0] s_axis_cidx_tdata,
    input  logic                   s_axis_cidx_tvalid,
    output logic                   s_axis_cidx_tready,
    output logic [Rows*EntryW-1:0] m_axis_row_tdata,
    output logic                   m_axis_row_tvalid,
    input  logic                   m_axis_row_tready,
    output logic                   m_axis_row_tlast,
    output logic                   busy_o,               // a job is under way, up to its last row beat
    output logic                   error_o,
    output cause_e                 cause_o
);
  localparam int unsigned PieceW = 16 * EntryW;
  localparam int unsigned WordW = (BeatW > PieceW) ? BeatW : PieceW;
  localparam int unsigned PerWord = $clog2(WordW / PieceW);
  localparam int unsigned SelW = (PerWord > 0) ? PerWord : 1;
  localparam int unsigned Words = TablePositions * ActCentroids * Centroids / 16 * PieceW / WordW;
  localparam int unsigned PtrW = $clog2(Words);
  localparam int unsigned BlockW = PtrW + 5;

  if (!(Lanes inside {1, 2, 4, 8})) $error("%m: Lanes is %0d, allowed: 1, 2, 4, 8", Lanes);
  if (!(Tokens inside {1, 2, 4, 8, 16}) || Rows > 64)
    $error("%m: Tokens is %0d, allowed: 1, 2, 4, 8, 16, Tokens * Lanes <= 64", Tokens);
  if (!(Centroids inside {16, 32, 64})) $error("%m: Centroids is %0d, allowed: 16, 32, 64", Centroids);
  if (!(ActCentroids inside {16, 32, 64})) $error("%m: ActCentroids is %0d, allowed: 16, 32, 64", ActCentroids);
  if (!(EntryW inside {8, 16})) $error("%m: EntryW is %0d, allowed: 8, 16", EntryW);
  if (!(BeatW inside {128, 256, 512})) $error("%m: BeatW is %0d, allowed: 128, 256, 512", BeatW);
  if (TablePositions < Lanes || (TablePositions & (TablePositions - 1)) != 0)
    $error("%m: TablePositions is %0d, allowed: a power of two >= Lanes", TablePositions);

  logic [PtrW:0] wr_ptr, free_words;
  logic [PtrW-1:0] rd_word;
  logic [SelW-1:0] rd_sel;
  logic free, rd_en;
  logic [PieceW-1:0] piece;
  logic [BlockW-1:0] block_in, block_out;
  logic block_in_valid, block_in_ready, block_out_valid, block_out_ready;
  logic [1:0] unused_level;
  logic credit, sq_valid, sq_done, sq_last;
  logic [3:0] sq_row;
  logic [Rows*EntryW-1:0] row_data;  // row lane * Tokens + token
  logic plan_busy, read_busy, transpose_busy;

  row_table_ring #(
      .EntryW(EntryW), .BeatW(BeatW), .Words(Words), .MemStyle(MemStyle)
  ) i_ring (
      .clk_i, .rst_ni, .clear_i, .s_axis_table_tdata, .s_axis_table_tvalid, .s_axis_table_tready, .wr_ptr_o(wr_ptr),
      .free_i(free), .free_words_i(free_words), .rd_en_i(rd_en), .rd_word_i(rd_word), .rd_sel_i(rd_sel), .rd_data_o(piece)
  );

  row_table_plan #(
      .Lanes(Lanes), .Centroids(Centroids), .ActCentroids(ActCentroids), .EntryW(EntryW), .BeatW(BeatW), .PosW(PosW),
      .PassW(PassW), .PtrW(PtrW)
  ) i_plan (
      .clk_i, .rst_ni, .clear_i, .s_job_positions, .s_job_passes, .s_job_k_code, .s_job_c_code, .s_job_tvalid, .s_job_tready,
      .wr_ptr_i(wr_ptr), .m_block_word_o(block_in[5+:PtrW]), .m_block_free_o(block_in[4]), .m_block_k_code_o(block_in[3:2]),
      .m_block_c_code_o(block_in[1:0]), .m_block_valid_o(block_in_valid), .m_block_ready_i(block_in_ready), .busy_o(plan_busy),
      .cause_o
  );
  assign error_o = cause_o != CauseNone;

  // Blocks whose table is there, waiting for their indices: hides the walk and the judging of the next job.
  fifo #(
      .Width(BlockW), .Depth(2)
  ) i_blocks (
      .clk_i, .rst_ni, .clear_i, .s_data_i(block_in), .s_valid_i(block_in_valid), .s_ready_o(block_in_ready),
      .m_data_o(block_out), .m_valid_o(block_out_valid), .m_ready_i(block_out_ready), .level_o(unused_level)
  );

  row_table_read #(
      .Lanes(Lanes), .Tokens(Tokens), .Centroids(Centroids), .ActCentroids(ActCentroids), .PerWord(PerWord), .PtrW(PtrW)
  ) i_read (
      .clk_i, .rst_ni, .clear_i, .s_axis_cidx_tdata, .s_axis_cidx_tvalid, .s_axis_cidx_tready,
      .s_block_word_i(block_out[5+:PtrW]), .s_block_free_i(block_out[4]), .s_block_k_code_i(block_out[3:2]),
      .s_block_c_code_i(block_out[1:0]), .s_block_valid_i(block_out_valid), .s_block_ready_o(block_out_ready),
      .credit_i(credit), .rd_en_o(rd_en), .rd_word_o(rd_word), .rd_sel_o(rd_sel), .free_o(free), .free_words_o(free_words),
      .sq_valid_o(sq_valid), .sq_row_o(sq_row), .sq_done_o(sq_done), .sq_last_o(sq_last), .busy_o(read_busy)
  );

  row_table_transpose #(
      .Rows(Rows), .EntryW(EntryW), .WriteLead(4)
  ) i_transpose (
      .clk_i, .rst_ni, .clear_i, .s_data_i(piece), .s_row_i(sq_row), .s_done_i(sq_done), .s_last_i(sq_last),
      .s_valid_i(sq_valid), .credit_o(credit), .m_data_o(row_data), .m_last_o(m_axis_row_tlast), .m_valid_o(m_axis_row_tvalid),
      .m_ready_i(m_axis_row_tready), .busy_o(transpose_busy)
  );

  always_comb begin
    for (int unsigned t = 0; t < Tokens; t++) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        m_axis_row_tdata[(t*Lanes+l)*EntryW+:EntryW] = row_data[(l*Tokens+t)*EntryW+:EntryW];
      end
    end
  end

  assign busy_o = plan_busy || block_out_valid || read_busy || transpose_busy;

  a_row_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_axis_row_tvalid && !m_axis_row_tready |=> m_axis_row_tvalid && $stable({m_axis_row_tdata, m_axis_row_tlast}));
  a_error_stops :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) error_o |-> !s_job_tready);
endmodule
