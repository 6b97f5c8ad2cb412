// attention_total: for every block l = l * alpha + sum(p); after a head's last block 1 / l of each of its q heads, one after the other.
//
// The p of a block come one by one, so its sum is a tree of adjacent pairs in time. Sums and alphas wait in queues for the l before them.
//
// Latency:       from a head's last word to its first factor 5 Add + Reciprocal + 3 cycles, 4 Add + .. if it has one block.
// Throughput:    a block every Mul + Add + 4 cycles, unless it is a head's first; a group's factors every QHeads + 1 cycles.
// Back-pressure: none to the words: attention_value takes no words of a group while three are not free, and these have their place here.
//
// Parameters:
//   QHeads  of a group
// Ports:
//   s_*  the words of attention_softmax as attention_value takes them
//   m_*  factors of q head 0 .. QHeads - 1 of a group
module attention_total
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 2
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic [QHeads-1:0][31:0] s_word_i,
    input  logic                    s_head_i,
    input  logic                    s_end_i,
    input  block_t                  s_block_i,
    input  logic                    s_valid_i,
    output logic [            31:0] m_factor_o,
    output logic                    m_valid_o,
    input  logic                    m_ready_i
);
  localparam int unsigned Waiting = 4;  // blocks
  localparam int unsigned SumLatency = fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, 1, Lanes);

  // ---- the sum of a block's p ------------------------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] block_sum, sum, alpha;
  logic [QHeads-1:0] found, too_long;
  logic first_late, last_late, first, last, sum_valid, sum_room, sum_pop, alpha_valid, alpha_room, alpha_pop;
  logic [$clog2(Waiting+1)-1:0] sums, alphas;
  for (genvar h = 0; h < QHeads; h++) begin : gen_sums
    fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Sum), .Lanes(1), .MaxBeats(Lanes)) u_sum (
        .clk_i, .rst_ni, .enable_i(1'b1), .data_i(s_word_i[h]), .valid_i(s_valid_i && !s_head_i), .last_i(s_end_i),
        .data_o(block_sum[h]), .valid_o(found[h]), .too_long_o(too_long[h])
    );
  end
  fp32_delay #(.Width(2), .Cycles(SumLatency)) u_side (
      .clk_i, .enable_i(1'b1), .d_i({s_block_i.first, s_block_i.last}), .q_o({first_late, last_late})
  );
  fifo #(.Width(32 * QHeads + 2), .Depth(Waiting)) u_sums (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({block_sum, first_late, last_late}), .s_valid_i(found[0]), .s_ready_o(sum_room),
      .m_data_o({sum, first, last}), .m_valid_o(sum_valid), .m_ready_i(sum_pop), .level_o(sums)
  );
  fifo #(.Width(32 * QHeads), .Depth(Waiting)) u_alphas (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_word_i), .s_valid_i(s_valid_i && s_head_i && !s_block_i.first),
      .s_ready_o(alpha_room), .m_data_o(alpha), .m_valid_o(alpha_valid), .m_ready_i(alpha_pop), .level_o(alphas)
  );

  // ---- l: scaled as soon as its alpha is there, added to as soon as the sum is ---------------------------------------------
  logic [QHeads-1:0][31:0] l_q, scaled, scaled_q, added;
  logic l_ready_q, scaled_found, scaled_ready_q, adding_q, adding_last_q, add_found;
  logic [QHeads-1:0] feed_q;  // factors that are still to be begun
  wire begin_head = sum_pop && first;
  wire add = sum_pop && !first;
  wire done = (begin_head && last) || (add_found && adding_last_q);
  assign alpha_pop = alpha_valid && l_ready_q;
  assign sum_pop = sum_valid && !adding_q && (first || scaled_ready_q) && (!last || feed_q == '0);

  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    fp32_mul u_scaled (.clk_i, .enable_i(1'b1), .a_i(l_q[h]), .b_i(alpha[h]), .y_o(scaled[h]));
    fp32_add u_added (.clk_i, .enable_i(1'b1), .a_i(scaled_q[h]), .b_i(sum[h]), .subtract_i(1'b0), .y_o(added[h]));
  end
  fp32_valid #(.Cycles(MulLatency)) u_scaled_found (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(alpha_pop), .valid_o(scaled_found)
  );
  fp32_valid #(.Cycles(AddLatency)) u_add_found (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(add), .valid_o(add_found));

  always_ff @(posedge clk_i) begin
    if (scaled_found) scaled_q <= scaled;
    if (begin_head || add_found) l_q <= begin_head ? sum : added;
    if (add) adding_last_q <= last;
    if (!rst_ni) begin
      l_ready_q      <= 1'b0;
      scaled_ready_q <= 1'b0;
      adding_q       <= 1'b0;
    end else begin
      if (begin_head) l_ready_q <= !last;
      else if (add_found) l_ready_q <= !adding_last_q;
      else if (alpha_pop) l_ready_q <= 1'b0;
      if (scaled_found) scaled_ready_q <= 1'b1;
      else if (add) scaled_ready_q <= 1'b0;
      if (add) adding_q <= 1'b1;
      else if (add_found) adding_q <= 1'b0;
    end
  end

  // ---- reciprocals -----------------------------------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] feed_l_q;
  logic [31:0] factor;
  logic factor_valid, factor_room;
  logic [$clog2(4*QHeads+1)-1:0] factors;
  always_ff @(posedge clk_i) begin
    if (done) feed_l_q <= begin_head ? sum : added;
    else feed_l_q <= (32 * QHeads)'({32'b0, feed_l_q} >> 32);
    if (!rst_ni) feed_q <= '0;
    else feed_q <= done ? '1 : QHeads'({1'b0, feed_q} >> 1);
  end
  fp32_reciprocal u_factor (.clk_i, .enable_i(1'b1), .x_i(feed_l_q[0]), .y_o(factor));
  fp32_valid #(.Cycles(ReciprocalLatency)) u_factor_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(feed_q[0]), .valid_o(factor_valid)
  );
  fifo #(.Width(32), .Depth(4 * QHeads)) u_factors (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(factor), .s_valid_i(factor_valid), .s_ready_o(factor_room),
      .m_data_o(m_factor_o), .m_valid_o, .m_ready_i, .level_o(factors)
  );

  wire unused = ^{found, sums, alphas, factors, s_block_i.top};
  a_places :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      (found[0] |-> sum_room) and (s_valid_i && s_head_i && !s_block_i.first |-> alpha_room) and (factor_valid |-> factor_room));
  a_order :  // a head begins when the one before is through
  assert property (@(posedge clk_i) disable iff (!rst_ni) begin_head |-> !l_ready_q && !scaled_ready_q && !scaled_found);
  a_length :
  assert property (@(posedge clk_i) disable iff (!rst_ni) too_long == '0);
endmodule
