// fp32_mul: y = a * b, rounded to nearest even. The one place that a primitive of the device may replace.
//
// Numbers:  subnormal inputs and results are zeros of their sign; overflow is infinity; NaN in or 0 * inf gives 0x7FC00000.
//           A product that the grid of subnormals would round up to 2^-126 is 2^-126: its exponent is one below the least
//           and its 24 leading bits are ones.
// Steps:    1 inputs   2 two partial products   3 their sum   4 normalise   5 round. Steps 1 to 3 are the registers of DSP blocks.
//
// Latency:       fp32_pkg::MulLatency = 5. Throughput: one product a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_mul (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 5;
  if (Stages != fp32_pkg::MulLatency) $error("%m: MulLatency is %0d, allowed: 5", fp32_pkg::MulLatency);
  localparam int unsigned LowW = 17;  // a DSP block takes 26 x 17 unsigned bits

  // ---- 1 ---------------------------------------------------------------------------------------------------------
  logic sign1_q;
  logic [8:0] exp1_q;
  logic [23:0] a1_q, b1_q;
  logic [1:0] zero1_q, top1_q, fraction1_q;  // of {b, a}
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign1_q     <= a_i[31] ^ b_i[31];
      exp1_q      <= 9'(a_i[30:23]) + 9'(b_i[30:23]);
      a1_q        <= {1'b1, a_i[22:0]};
      b1_q        <= {1'b1, b_i[22:0]};
      zero1_q     <= {b_i[30:23] == '0, a_i[30:23] == '0};
      top1_q      <= {b_i[30:23] == '1, a_i[30:23] == '1};
      fraction1_q <= {b_i[22:0] != '0, a_i[22:0] != '0};
    end
  end

  // ---- 2 ---------------------------------------------------------------------------------------------------------
  logic sign2_q, nan2_q, inf2_q, zero2_q;
  logic [9:0] exp2_q;  // two's complement; that of a product in [1, 2)
  logic [23+LowW:0] low2_q;
  logic [47-LowW:0] high2_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign2_q <= sign1_q;
      nan2_q  <= |(top1_q & fraction1_q) || (top1_q != '0 && zero1_q != '0);
      inf2_q  <= top1_q != '0;
      zero2_q <= zero1_q != '0;
      exp2_q  <= 10'(exp1_q) - 10'd127;
      low2_q  <= a1_q * b1_q[LowW-1:0];
      high2_q <= a1_q * b1_q[23:LowW];
    end
  end

  // ---- 3: [1] is for a product in [2, 4), where the exponent is one higher -----------------------------------------
  wire [9:0] exp2_plus = exp2_q + 10'd1;
  logic sign3_q, nan3_q, inf3_q, zero3_q;
  logic [1:0] least3_q, below3_q, above3_q;  // exponent one below the least, lower than that, above the highest
  logic [1:0][7:0] exp3_q;
  logic [47:0] product3_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign3_q    <= sign2_q;
      nan3_q     <= nan2_q;
      inf3_q     <= inf2_q;
      zero3_q    <= zero2_q;
      least3_q   <= {exp2_plus == '0, exp2_q == '0};
      below3_q   <= {exp2_plus[9], exp2_q[9]};
      above3_q   <= {!exp2_plus[9] && exp2_plus[8:0] >= 9'd255, !exp2_q[9] && exp2_q[8:0] >= 9'd255};
      exp3_q     <= {exp2_plus[7:0], exp2_q[7:0]};
      product3_q <= {high2_q, LowW'(0)} + 48'(low2_q);
    end
  end

  // ---- 4 ---------------------------------------------------------------------------------------------------------
  wire two = product3_q[47];
  wire [23:0] leading = two ? product3_q[47:24] : product3_q[46:23];
  wire guard = two ? product3_q[23] : product3_q[22];
  wire sticky = product3_q[21:0] != '0 || (two && product3_q[22]);
  wire up_to_least = least3_q[two] && leading == '1;
  logic sign4_q, nan4_q, above4_q, below4_q, up4_q;
  logic [7:0] exp4_q;
  logic [22:0] fraction4_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign4_q     <= sign3_q && !nan3_q;
      nan4_q      <= nan3_q;
      above4_q    <= nan3_q || inf3_q || (above3_q[two] && !zero3_q);
      below4_q    <= zero3_q || below3_q[two] || (least3_q[two] && !up_to_least);
      up4_q       <= (guard && (leading[0] || sticky)) || up_to_least;
      exp4_q      <= exp3_q[two];
      fraction4_q <= leading[22:0];
    end
  end

  // ---- 5: a carry out of the fraction goes into the exponent, and from the largest number to infinity --------------
  wire [30:0] rounded = {exp4_q, fraction4_q} + 31'(up4_q);
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      y_o[31] <= sign4_q;
      if (above4_q) y_o[30:0] <= {8'd255, nan4_q, 22'b0};
      else if (below4_q) y_o[30:0] <= '0;
      else y_o[30:0] <= rounded;
    end
  end
endmodule
