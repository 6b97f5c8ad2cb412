// centroid_search_issue: takes vectors and walks each through the rows of its codebook, one row a cycle.
//
// A codebook starts at base_q and ends at the row marked in row_ends. tlast on a vector moves base_q behind the codebook; without
// it the next vector starts over. A vector is taken only if a complete codebook is there for it and the output queue has
// room for its result (a credit, back with every pop), so nothing behind this module ever stalls.
//
// Latency:      first row one cycle after the vector was taken. Throughput: one row a cycle without gaps between vectors.
// Back-pressure: s_axis_vec_tready depends only on registers.
//
// Parameters: Depth rows of the ring; KW bits of a row's number in its codebook; ActW; Credits results the output queue holds.
// Ports: wr_*     the writes of centroid_search_load; wr_last_i completes a codebook
//        pop_i    the output queue gave away a result
//        issue_o  row_o of the ring and x_o are valid: row number k_o of the codebook, last_o the last, tlast_o as the vector's
//        alone_o  no other vector is under way or queued
module centroid_search_issue #(
    parameter int unsigned Depth = 32,
    parameter int unsigned KW = 2,
    parameter int unsigned ActW = 8,
    parameter int unsigned Credits = 12,
    localparam int unsigned PointW = 2 * ActW,
    localparam int unsigned RowW = $clog2(Depth)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              wr_i,
    input  logic [  RowW-1:0] wr_row_i,
    input  logic              wr_last_i,
    input  logic [PointW-1:0] s_axis_vec_tdata,
    input  logic              s_axis_vec_tvalid,
    output logic              s_axis_vec_tready,
    input  logic              s_axis_vec_tlast,
    input  logic              pop_i,
    output logic              issue_o,
    output logic [  RowW-1:0] row_o,
    output logic [PointW-1:0] x_o,
    output logic [    KW-1:0] k_o,
    output logic              last_o,
    output logic              tlast_o,
    output logic              alone_o
);
  localparam int unsigned CreditW = $clog2(Credits + 1);

  (* ram_style = "distributed" *) logic row_ends[Depth];  // this row is the last of its codebook
  logic [RowW:0] books_q;  // complete codebooks whose last vector has not been taken
  logic [RowW-1:0] base_q;  // first row of the codebook in use
  logic [CreditW-1:0] credits_q;
  logic have_book_q, have_credit_q;  // books_q != 0, credits_q != 0: registered, tready is on the longest path

  wire take = s_axis_vec_tvalid && s_axis_vec_tready;
  wire drop_book = take && s_axis_vec_tlast;
  wire [RowW-1:0] next_row = row_o + RowW'(1);
  wire [RowW-1:0] next_base = (issue_o && last_o && tlast_o) ? next_row : base_q;

  assign s_axis_vec_tready = have_book_q && have_credit_q && (!issue_o || last_o);
  assign alone_o = credits_q == CreditW'(Credits - 1);

  always_ff @(posedge clk_i) if (wr_i) row_ends[wr_row_i] <= wr_last_i;

  always_ff @(posedge clk_i) begin
    row_o  <= take ? next_base : next_row;
    k_o    <= take ? '0 : k_o + KW'(1);
    last_o <= take ? row_ends[next_base] : row_ends[next_row];
    if (take) begin
      x_o     <= s_axis_vec_tdata;
      tlast_o <= s_axis_vec_tlast;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      issue_o       <= 1'b0;
      base_q        <= '0;
      books_q       <= '0;
      have_book_q   <= 1'b0;
      credits_q     <= CreditW'(Credits);
      have_credit_q <= 1'b1;
    end else begin
      issue_o <= take || (issue_o && !last_o);
      base_q  <= next_base;
      if (wr_last_i && !drop_book) begin
        books_q     <= books_q + (RowW + 1)'(1);
        have_book_q <= 1'b1;
      end else if (drop_book && !wr_last_i) begin
        books_q     <= books_q - (RowW + 1)'(1);
        have_book_q <= books_q != (RowW + 1)'(1);
      end
      if (pop_i && !take) begin
        credits_q     <= credits_q + CreditW'(1);
        have_credit_q <= 1'b1;
      end else if (take && !pop_i) begin
        credits_q     <= credits_q - CreditW'(1);
        have_credit_q <= credits_q != CreditW'(1);
      end
    end
  end

  a_issue :
  assert property (@(posedge clk_i) disable iff (!rst_ni) take |=> issue_o && k_o == 0);
  a_no_gap :
  assert property (@(posedge clk_i) disable iff (!rst_ni) issue_o && !last_o |=> issue_o);
  a_books :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      books_q <= (RowW + 1)'(Depth) && have_book_q == (books_q != 0) && have_credit_q == (credits_q != 0));
  a_credits :
  assert property (@(posedge clk_i) disable iff (!rst_ni) credits_q <= CreditW'(Credits));
endmodule
