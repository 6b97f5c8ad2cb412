// fp32_sigmoid: y = 1 / (1 + e^-x).
//
//   e = exp(-|x|);  r = reciprocal(1 + e);  y = r if x >= 0, else e * r
//
// Numbers:  sigmoid(-inf) = 0, results below 2^-126 are +0, NaN gives 0x7FC00000. Within 3.5 ulp.
//
// Latency:       fp32_pkg::SigmoidLatency = Exp + Add + Reciprocal + Mul + 1 = 90. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_sigmoid
  import fp32_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] x_i,
    output logic [31:0] y_o
);
  localparam int unsigned AtR = ExpLatency + AddLatency + ReciprocalLatency;
  localparam int unsigned AtProduct = AtR + MulLatency;
  if (AtProduct + 1 != SigmoidLatency) $error("%m: SigmoidLatency is %0d, allowed: %0d", SigmoidLatency, AtProduct + 1);

  logic [31:0] e, e_late, one_e, r, r_late, product;
  logic negative;
  fp32_exp u_e (.clk_i, .enable_i, .x_i({1'b1, x_i[30:0]}), .y_o(e));
  fp32_add u_one_e (.clk_i, .enable_i, .a_i(One), .b_i(e), .subtract_i(1'b0), .y_o(one_e));
  fp32_reciprocal u_r (.clk_i, .enable_i, .x_i(one_e), .y_o(r));
  fp32_delay #(.Cycles(AtR - ExpLatency)) u_e_late (.clk_i, .enable_i, .d_i(e), .q_o(e_late));
  fp32_mul u_product (.clk_i, .enable_i, .a_i(e_late), .b_i(r), .y_o(product));
  fp32_delay #(.Cycles(MulLatency)) u_r_late (.clk_i, .enable_i, .d_i(r), .q_o(r_late));
  fp32_delay #(.Width(1), .Cycles(AtProduct)) u_negative (.clk_i, .enable_i, .d_i(x_i[31]), .q_o(negative));
  always_ff @(posedge clk_i) if (enable_i) y_o <= negative ? product : r_late;  // a zero gives the same either way
endmodule
