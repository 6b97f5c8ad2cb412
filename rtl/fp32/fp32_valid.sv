// fp32_valid: the valid bit that travels beside a unit of Cycles latency; a reset forgets what is on its way.
//
// Latency:       Cycles. Throughput: one bit a cycle.
// Back-pressure: holds while enable_i is low.
//
// Parameters:
//   Cycles  >= 1
module fp32_valid #(
    parameter int unsigned Cycles = 1
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic enable_i,
    input  logic valid_i,
    output logic valid_o
);
  if (Cycles < 1) $error("%m: Cycles is %0d, allowed: >= 1", Cycles);

  logic [Cycles-1:0] line_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) line_q <= '0;
    else if (enable_i) line_q <= Cycles'({line_q, valid_i});
  end
  assign valid_o = line_q[Cycles-1];
endmodule
