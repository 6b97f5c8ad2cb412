// attention_dot: sum of 16 products, each rounded, as a tree of adjacent pairs.
//
//   y = reduce_sum over the 16 lanes of mul(a, b)
//
// Latency:       Mul + 4 Add. Throughput: one sum a cycle.
// Back-pressure: none: the pipeline never stops.
module attention_dot
  import attention_pkg::*;
  import fp32_pkg::*;
(
    input  logic                clk_i,
    input  logic [32*Lanes-1:0] a_i,
    input  logic [32*Lanes-1:0] b_i,
    output logic [        31:0] y_o
);
  logic [16*Lanes-1:0] pair;
  logic valid, too_long;
  for (genvar i = 0; i < Lanes / 2; i++) begin : gen_pairs
    fp32_dot2 u_pair (
        .clk_i, .enable_i(1'b1), .a_i(a_i[64*i+:32]), .b_i(b_i[64*i+:32]), .c_i(a_i[64*i+32+:32]), .d_i(b_i[64*i+32+:32]),
        .subtract_i(1'b0), .y_o(pair[32*i+:32])
    );
  end
  fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Sum), .Lanes(Lanes / 2), .MaxBeats(1)) u_sum (
      .clk_i, .rst_ni(1'b1), .enable_i(1'b1), .data_i(pair), .valid_i(1'b1), .last_i(1'b1),
      .data_o(y_o), .valid_o(valid), .too_long_o(too_long)
  );
  wire unused = ^{valid, too_long};
endmodule
