// fp32_mul: y = a * b, rounded to nearest even. The one place that a primitive of the device may replace.
//
// Numbers:  subnormal inputs and results are zeros of their sign; overflow is infinity; NaN in or 0 * inf gives 0x7FC00000.
//           A product that the grid of subnormals would round up to 2^-126 is 2^-126: its exponent is one below the least
//           and its 24 leading bits are ones.
// Steps:    1 two partial products   2 their sum   3 normalise   4 round. Steps 1 and 2 are the registers of DSP blocks.
//
// Latency:       fp32_pkg::MulLatency = 4. Throughput: one product a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_mul (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 4;
  if (Stages != fp32_pkg::MulLatency) $error("%m: MulLatency is %0d, allowed: 4", fp32_pkg::MulLatency);
  localparam int unsigned LowW = 17;  // a DSP block takes 26 x 17 unsigned bits

  // ---- 1 ---------------------------------------------------------------------------------------------------------
  wire [23:0] a = {1'b1, a_i[22:0]};
  wire [23:0] b = {1'b1, b_i[22:0]};
  logic sign1_q;
  logic [1:0] zero1_q, top1_q, fraction1_q;  // of {b, a}
  logic [8:0] exp1_q;  // with the bias twice
  logic [23+LowW:0] low1_q;
  logic [47-LowW:0] high1_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign1_q     <= a_i[31] ^ b_i[31];
      zero1_q     <= {b_i[30:23] == '0, a_i[30:23] == '0};
      top1_q      <= {b_i[30:23] == '1, a_i[30:23] == '1};
      fraction1_q <= {b_i[22:0] != '0, a_i[22:0] != '0};
      exp1_q      <= 9'(a_i[30:23]) + 9'(b_i[30:23]);
      low1_q      <= a * b[LowW-1:0];
      high1_q     <= a * b[23:LowW];
    end
  end

  // ---- 2: [1] is for a product in [2, 4), where the exponent is one higher -----------------------------------------
  logic sign2_q, nan2_q, inf2_q, zero2_q;
  logic [1:0] least2_q, below2_q, above2_q;  // exponent one below the least, lower than that, above the highest
  logic [1:0][7:0] exp2_q;
  logic [47:0] product2_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign2_q    <= sign1_q;
      nan2_q     <= |(top1_q & fraction1_q) || (top1_q != '0 && zero1_q != '0);
      inf2_q     <= top1_q != '0;
      zero2_q    <= zero1_q != '0;
      least2_q   <= {exp1_q == 9'd126, exp1_q == 9'd127};
      below2_q   <= {exp1_q < 9'd126, exp1_q < 9'd127};
      above2_q   <= {exp1_q >= 9'd381, exp1_q >= 9'd382};
      exp2_q     <= {exp1_q[7:0] - 8'd126, exp1_q[7:0] - 8'd127};
      product2_q <= {high1_q, LowW'(0)} + 48'(low1_q);
    end
  end

  // ---- 3 ---------------------------------------------------------------------------------------------------------
  wire two = product2_q[47];
  wire [23:0] leading = two ? product2_q[47:24] : product2_q[46:23];
  wire guard = two ? product2_q[23] : product2_q[22];
  wire sticky = product2_q[21:0] != '0 || (two && product2_q[22]);
  wire up_to_least = least2_q[two] && leading == '1;
  logic sign3_q, nan3_q, above3_q, below3_q, up3_q;
  logic [7:0] exp3_q;
  logic [22:0] fraction3_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign3_q     <= sign2_q && !nan2_q;
      nan3_q      <= nan2_q;
      above3_q    <= nan2_q || inf2_q || (above2_q[two] && !zero2_q);
      below3_q    <= zero2_q || below2_q[two] || (least2_q[two] && !up_to_least);
      up3_q       <= (guard && (leading[0] || sticky)) || up_to_least;
      exp3_q      <= exp2_q[two];
      fraction3_q <= leading[22:0];
    end
  end

  // ---- 4: a carry out of the fraction goes into the exponent, and from the largest number to infinity --------------
  wire [30:0] rounded = {exp3_q, fraction3_q} + 31'(up3_q);
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      y_o[31] <= sign3_q;
      if (above3_q) y_o[30:0] <= {8'd255, nan3_q, 22'b0};
      else if (below3_q) y_o[30:0] <= '0;
      else y_o[30:0] <= rounded;
    end
  end
endmodule
