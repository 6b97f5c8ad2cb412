// fp32_reduce_node: a + b or the larger of them.
//
// Latency:       fp32_reduce_pkg::node_latency(Op). Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Op  fp32_reduce_pkg::op_e
module fp32_reduce_node #(
    parameter int unsigned Op = 0
) (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic [31:0] y_o
);
  if (Op == fp32_reduce_pkg::Sum) begin : gen_sum
    fp32_add u_add (.clk_i, .enable_i, .a_i, .b_i, .subtract_i(1'b0), .y_o);
  end else begin : gen_max
    logic [1:0] order;
    fp32_compare u_compare (.clk_i, .enable_i, .a_i, .b_i, .order_o(order), .maximum_o(y_o));
    wire unused = ^order;
  end
endmodule
