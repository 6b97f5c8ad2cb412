// fp32_delay: data delayed by a fixed number of enabled cycles; without a reset, so that it maps to shift-register LUTs.
//
// Latency:       Cycles, 0 is a wire. Throughput: one word a cycle.
// Back-pressure: holds while enable_i is low.
//
// Parameters:
//   Width   bits, >= 1
//   Cycles  >= 0
module fp32_delay #(
    parameter int unsigned Width = 32,
    parameter int unsigned Cycles = 1
) (
    input  logic             clk_i,
    input  logic             enable_i,
    input  logic [Width-1:0] d_i,
    output logic [Width-1:0] q_o
);
  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);

  if (Cycles == 0) begin : gen_wire
    assign q_o = d_i;
    wire unused = ^{clk_i, enable_i};
  end else begin : gen_line
    logic [Width-1:0] line_q[Cycles];
    always_ff @(posedge clk_i) begin
      if (enable_i) begin
        line_q[0] <= d_i;
        for (int unsigned i = 1; i < Cycles; i++) line_q[i] <= line_q[i-1];
      end
    end
    assign q_o = line_q[Cycles-1];
  end
endmodule
