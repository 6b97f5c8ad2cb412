// fp32_from_int: a signed integer as fp32, rounded once to nearest even; zero is +0.
//
// Steps:    1 magnitude   2 leading zeros   3 normalise   4 round (never, up to 25 bits)
//
// Latency:       fp32_pkg::FromIntLatency = 4. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Bits  of the integer, 2..32
module fp32_from_int #(
    parameter int unsigned Bits = 32
) (
    input  logic            clk_i,
    input  logic            enable_i,
    input  logic [Bits-1:0] a_i,
    output logic [    31:0] y_o
);
  localparam int unsigned Stages = 4;
  if (Stages != fp32_pkg::FromIntLatency) $error("%m: FromIntLatency is %0d, allowed: 4", fp32_pkg::FromIntLatency);
  if (Bits < 2 || Bits > 32) $error("%m: Bits is %0d, allowed: 2..32", Bits);

  logic sign1_q, sign2_q, sign3_q, zero3_q, up3_q;
  logic [Bits-1:0] magnitude1_q;
  logic [31:0] magnitude2_q;  // at the upper end
  logic [4:0] zeros2_q;
  logic [7:0] exp3_q;
  logic [22:0] fraction3_q;
  wire [31:0] raised = 32'(magnitude1_q) << (32 - Bits);
  wire [30:0] norm = 31'(magnitude2_q << zeros2_q);  // without the leading one; 23 bits of fraction, 8 below

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign1_q      <= a_i[Bits-1];
      magnitude1_q <= (a_i ^ {Bits{a_i[Bits-1]}}) + Bits'(a_i[Bits-1]);

      sign2_q      <= sign1_q;
      magnitude2_q <= raised;
      zeros2_q     <= fp32_pkg::leading_zeros(raised);

      sign3_q      <= sign2_q;
      zero3_q      <= magnitude2_q == '0;
      exp3_q       <= 8'(126 + Bits) - 8'(zeros2_q);
      fraction3_q  <= norm[30:8];
      up3_q        <= norm[7] && (norm[8] || norm[6:0] != '0);

      y_o <= zero3_q ? '0 : {sign3_q, {exp3_q, fraction3_q} + 31'(up3_q)};
    end
  end
endmodule
