// fp32_reduce_level: one level of the tree over the values of a vector that come one after the other.
//
//   in v0 v1 v2 .. (last)  ->  out v0+v1  v2+v3 ..; an odd last one + 0; a vector of one value stays as it is
//
// The waiting register holds the partner of the next value, so nothing stands between it and the adder: the value that
// waits, or +0 (the golden padding), or at the head of a vector -0, to which every number can be added without a change.
// The same for the maximum is -infinity.
//
// Latency:       fp32_reduce_pkg::node_latency(Op). Throughput: one value a cycle; half of it leaves.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Op  fp32_reduce_pkg::op_e
module fp32_reduce_level
  import fp32_reduce_pkg::*;
#(
    parameter int unsigned Op = 0
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        enable_i,
    input  logic [31:0] data_i,
    input  logic        valid_i,
    input  logic        last_i,
    output logic [31:0] data_o,
    output logic        valid_o,
    output logic        last_o
);
  localparam int unsigned Cycles = node_latency(Op);
  localparam logic [31:0] Alone = (Op == Sum) ? 32'h8000_0000 : 32'hff80_0000;
  localparam logic [31:0] Padding = (Op == Sum) ? 32'h0000_0000 : 32'hff80_0000;

  logic waits_q;  // a value waits for the next one
  logic [31:0] partner_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      waits_q   <= 1'b0;
      partner_q <= Alone;
    end else if (enable_i && valid_i) begin
      waits_q <= !waits_q && !last_i;
      if (last_i) partner_q <= Alone;
      else if (waits_q) partner_q <= Padding;
      else partner_q <= data_i;
    end
  end

  fp32_reduce_node #(.Op(Op)) u_node (.clk_i, .enable_i, .a_i(partner_q), .b_i(data_i), .y_o(data_o));
  fp32_valid #(.Cycles(Cycles)) u_valid (
      .clk_i, .rst_ni, .enable_i, .valid_i(valid_i && (waits_q || last_i)), .valid_o
  );
  fp32_delay #(.Width(1), .Cycles(Cycles)) u_last (.clk_i, .enable_i, .d_i(last_i), .q_o(last_o));
endmodule
