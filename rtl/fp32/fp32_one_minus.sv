// fp32_one_minus: y = 1 - x for x in [1/2, 2), what a Newton step is off by. Exact, so the bits are those of fp32_add.
//
// Steps:    1 difference in units of 2^-24   2 leading zeros   3 normalise
//
// Latency:       fp32_pkg::OneMinusLatency = 3. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_one_minus (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] x_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 3;
  if (Stages != fp32_pkg::OneMinusLatency) $error("%m: OneMinusLatency is %0d, allowed: 3", fp32_pkg::OneMinusLatency);

  wire above = x_i[23];  // the exponent's last bit: x is 1 at least
  logic sign1_q, sign2_q, zero2_q;
  logic [23:0] size1_q, size2_q;
  logic [4:0] zeros2_q;
  wire [23:0] norm = size2_q << zeros2_q;
  wire unused = ^{x_i[31:24], norm[23]};  // its sign and the rest of its exponent are known; the leading one

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign1_q  <= above && x_i[22:0] != '0;
      size1_q  <= above ? {x_i[22:0], 1'b0} : -{1'b1, x_i[22:0]};
      sign2_q  <= sign1_q;
      size2_q  <= size1_q;
      zero2_q  <= size1_q == '0;
      zeros2_q <= fp32_pkg::leading_zeros({size1_q, 8'hff});
      y_o      <= zero2_q ? '0 : {sign2_q, 8'd126 - 8'(zeros2_q), norm[22:0]};
    end
  end
endmodule
