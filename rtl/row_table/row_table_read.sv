// row_table_read: collects the indices of a block and reads the rows they pick, in pieces of 16 entries, ready to be transposed.
//
// A block is read as (K / 16) * ceil(R / 16) squares, R = Tokens * Lanes rows: for piece q, for row group s: the q-th piece of
// rows s*16 .. s*16+15, one a cycle. Rows are numbered in the order of their indices: lane * Tokens + token. The indices of two
// blocks are held, so that one is read while the next arrives.
//
// Latency:       4 cycles from a read's issue to its piece at sq_data_o (index, address, memory, output register).
// Throughput:    one piece a cycle; one index a cycle.
// Back-pressure: s_axis_cidx_tready depends only on registers. A square is begun when its index block and table are there
//                and the transposer has given a credit (a square buffer); then it runs without a stop.
//
// Parameters: as in row_table, row_table_ring.
module row_table_read #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Tokens = 8,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned PerWord = 1,  // log2 of pieces in a word
    parameter int unsigned PtrW = 15,
    localparam int unsigned CidxW = $clog2(ActCentroids),
    localparam int unsigned SelW = (PerWord > 0) ? PerWord : 1
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             clear_i,
    input  logic [CidxW-1:0] s_axis_cidx_tdata,
    input  logic             s_axis_cidx_tvalid,
    output logic             s_axis_cidx_tready,
    input  logic [ PtrW-1:0] s_block_word_i,
    input  logic             s_block_free_i,
    input  logic [      1:0] s_block_k_code_i,
    input  logic [      1:0] s_block_c_code_i,
    input  logic             s_block_valid_i,
    output logic             s_block_ready_o,
    input  logic             credit_i,
    output logic             rd_en_o,
    output logic [ PtrW-1:0] rd_word_o,
    output logic [ SelW-1:0] rd_sel_o,
    output logic             free_o,
    output logic [   PtrW:0] free_words_o,
    output logic             sq_valid_o,          // beside the memory's data
    output logic [      3:0] sq_row_o,
    output logic             sq_done_o,           // last row of the square
    output logic             sq_last_o,           // last square of the block
    output logic             busy_o
);
  localparam int unsigned Rows = Tokens * Lanes;
  localparam int unsigned RowW = (Rows > 1) ? $clog2(Rows) : 1;
  localparam int unsigned TokenB = $clog2(Tokens);
  localparam int unsigned SquareRows = (Rows < 16) ? Rows : 16;
  localparam int unsigned PieceQ = $clog2(Centroids / 16);
  localparam int unsigned QW = (PieceQ > 0) ? PieceQ : 1;
  localparam int unsigned OffW = CidxW + PieceQ + $clog2(Lanes) + 1;  // piece number inside a block

  // Indices of two blocks --------------------------------------------------------------------------------------------
  (* ram_style = "distributed" *) logic [CidxW-1:0] cidx_mem[2 << RowW];
  logic [RowW-1:0] in_q, row_q;
  logic in_buf_q, out_buf_q;
  logic [1:0] full_q;  // index blocks held
  logic [1:0] credit_q;
  logic [QW-1:0] piece_q;

  wire take = s_axis_cidx_tvalid && s_axis_cidx_tready;
  wire in_done = take && in_q == RowW'(Rows - 1);
  assign s_axis_cidx_tready = !full_q[1];

  // Walk: rows inside a square, squares inside a piece, pieces ---------------------------------------------------------
  wire [3:0] sq_row = 4'(row_q);
  wire issue = sq_row != 0 || (full_q != 0 && s_block_valid_i && credit_q != 0);
  wire start = issue && sq_row == 0;
  wire sq_done = sq_row == 4'(SquareRows - 1);
  wire rows_done = row_q == RowW'(Rows - 1);
  wire last_piece = piece_q == QW'((3'd1 << s_block_k_code_i) - 3'd1);
  wire block_done = issue && rows_done && last_piece;
  assign s_block_ready_o = block_done;

  always_ff @(posedge clk_i) if (take) cidx_mem[{in_buf_q, in_q}] <= s_axis_cidx_tdata;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      in_q      <= '0;
      row_q     <= '0;
      in_buf_q  <= 1'b0;
      out_buf_q <= 1'b0;
      full_q    <= '0;
      credit_q  <= 2'd2;
      piece_q   <= '0;
    end else begin
      if (take) in_q <= in_done ? '0 : in_q + RowW'(1);
      if (issue) row_q <= rows_done ? '0 : row_q + RowW'(1);
      if (issue && rows_done) piece_q <= last_piece ? '0 : piece_q + QW'(1);
      in_buf_q  <= in_buf_q ^ in_done;
      out_buf_q <= out_buf_q ^ block_done;
      full_q    <= full_q + 2'(in_done) - 2'(block_done);
      credit_q  <= credit_q + 2'(credit_i) - 2'(start);
    end
  end

  // Pipeline: a index, b address; then the memory's two registers (c, d) --------------------------------------------------
  logic [CidxW-1:0] a_cidx_q;
  logic [RowW-1:0] a_row_q;
  logic [QW-1:0] a_piece_q;
  logic [1:0] a_k_q, a_c_q;
  logic [PtrW-1:0] a_word_q, b_word_q;
  logic [PtrW:0] b_words_q;  // of the block
  logic [SelW-1:0] b_sel_q;
  logic [3:0] valid_q, done_q, last_q;
  logic [3:0][3:0] slot_q;
  logic [1:0] free_q;

  // Lane, centroid and piece number do not overlap: { lane, cidx, piece } with the job's widths.
  wire [OffW-1:0] lane_part = OffW'(a_row_q >> TokenB) << (4'd4 + 4'(a_c_q) + 4'(a_k_q));
  wire [OffW-1:0] offset = lane_part | (OffW'(a_cidx_q) << a_k_q) | OffW'(a_piece_q);

  always_ff @(posedge clk_i) begin
    a_cidx_q  <= cidx_mem[{out_buf_q, row_q}];
    a_row_q   <= row_q;
    a_piece_q <= piece_q;
    a_k_q     <= s_block_k_code_i;
    a_c_q     <= s_block_c_code_i;
    a_word_q  <= s_block_word_i;
    b_word_q  <= a_word_q + PtrW'(offset >> PerWord);
    b_words_q <= (PtrW + 1)'(Lanes) << (4'(4 - PerWord) + 4'(a_c_q) + 4'(a_k_q));
    b_sel_q   <= SelW'(offset);
    done_q    <= {done_q[2:0], sq_done};
    last_q    <= {last_q[2:0], sq_done && rows_done && last_piece};
    slot_q    <= {slot_q[2:0], sq_row};
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      free_q  <= '0;
    end else begin
      valid_q <= {valid_q[2:0], issue};
      free_q  <= {free_q[0], block_done && s_block_free_i};
    end
  end

  assign rd_en_o      = valid_q[1];
  assign rd_word_o    = b_word_q;
  assign rd_sel_o     = b_sel_q;
  assign free_o       = free_q[1];  // beside the block's last read: a write can follow in the next cycle at the earliest
  assign free_words_o = b_words_q;
  assign sq_valid_o   = valid_q[3];
  assign sq_row_o     = slot_q[3];
  assign sq_done_o    = done_q[3];
  assign sq_last_o    = last_q[3];
  assign busy_o       = full_q != 0 || in_q != 0 || valid_q != 0 || free_q != 0;

  a_index_in_codebook :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      valid_q[0] |-> (a_cidx_q >> (3'd4 + 3'(a_c_q))) == 0);
  a_credit :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) credit_q <= 2'd2 && full_q <= 2'd2);
endmodule
