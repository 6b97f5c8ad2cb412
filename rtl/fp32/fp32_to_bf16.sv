// fp32_to_bf16: an fp32 as bfloat16: subnormals to zero, then to nearest even; overflow to infinity, NaN is 0x7FC0.
//
// Latency:       fp32_pkg::ToBf16Latency = 2. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_to_bf16 (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    output logic [15:0] y_o
);
  localparam int unsigned Stages = 2;
  if (Stages != fp32_pkg::ToBf16Latency) $error("%m: ToBf16Latency is %0d, allowed: 2", fp32_pkg::ToBf16Latency);

  logic [15:0] upper_q;
  logic zero_q, nan_q, up_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      upper_q <= a_i[31:16];
      zero_q  <= a_i[30:23] == '0;
      nan_q   <= a_i[30:23] == '1 && a_i[22:0] != '0;
      up_q    <= a_i[15] && (a_i[16] || a_i[14:0] != '0);

      if (nan_q) y_o <= 16'h7fc0;
      else if (zero_q) y_o <= {upper_q[15], 15'b0};
      else y_o <= {upper_q[15], upper_q[14:0] + 15'(up_q)};
    end
  end
endmodule
