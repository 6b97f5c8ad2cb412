// fp32_from_bf16: a bfloat16 as fp32, exact; subnormals are zeros of their sign, every NaN is 0x7FC00000.
//
// Latency:       fp32_pkg::FromBf16Latency = 1. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_from_bf16 (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [15:0] a_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 1;
  if (Stages != fp32_pkg::FromBf16Latency) $error("%m: FromBf16Latency is %0d, allowed: 1", fp32_pkg::FromBf16Latency);

  logic [15:0] y_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      if (a_i[14:7] == '0) y_q <= {a_i[15], 15'b0};
      else if (a_i[14:7] == '1 && a_i[6:0] != '0) y_q <= 16'h7fc0;
      else y_q <= a_i;
    end
  end
  assign y_o = {y_q, 16'b0};
endmodule
