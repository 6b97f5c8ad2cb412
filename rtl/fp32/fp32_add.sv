// fp32_add: y = a + b or a - b, rounded to nearest even. The one place that a primitive of the device may replace.
//
// Numbers:  subnormal inputs and results are zeros of their sign; x - x = +0; overflow is infinity; NaN in or inf - inf gives
//           0x7FC00000. A sum below 2^-126 is exact, so flushing needs no rounding.
// Steps:    1 order by magnitude   2 align, sticky bit   3 add   4 leading zeros, or select what is rounded   5 normalise or round
//
// Latency:       fp32_pkg::AddLatency = 5. Throughput: one sum a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Ports:
//   subtract_i  1: a - b
module fp32_add (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic        subtract_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 5;
  if (Stages != fp32_pkg::AddLatency) $error("%m: AddLatency is %0d, allowed: 5", fp32_pkg::AddLatency);

  // ---- 1: the larger magnitude first; subnormals lose their fraction ---------------------------------------------
  wire swap = a_i[30:0] < b_i[30:0];
  wire a_some = a_i[30:23] != '0, b_some = b_i[30:23] != '0;
  wire [7:0] a_less_b = a_i[30:23] - b_i[30:23];
  wire [7:0] b_less_a = b_i[30:23] - a_i[30:23];

  logic sign1_q, minus1_q;  // sign of the larger; magnitudes are subtracted
  logic [7:0] exp1_q, shift1_q;
  logic [23:0] large1_q, small1_q;  // with the leading one
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign1_q  <= swap ? b_i[31] ^ subtract_i : a_i[31];
      minus1_q <= a_i[31] ^ b_i[31] ^ subtract_i;
      exp1_q   <= swap ? b_i[30:23] : a_i[30:23];
      shift1_q <= swap ? b_less_a : a_less_b;
      large1_q <= swap ? {b_some, b_i[22:0] & {23{b_some}}} : {a_some, a_i[22:0] & {23{a_some}}};
      small1_q <= swap ? {a_some, a_i[22:0] & {23{a_some}}} : {b_some, b_i[22:0] & {23{b_some}}};
    end
  end

  // ---- 2: align; guard and round bit below the fraction, everything lower in the sticky bit ----------------------
  wire far = shift1_q[7:5] != '0;  // less than any rounding notices
  wire [25:0] aligned = {small1_q, 2'b0} >> shift1_q[4:0];
  wire [25:0] lost = {small1_q, 2'b0} & ~({26{1'b1}} << shift1_q[4:0]);
  wire top_exp = exp1_q == 8'd255;

  logic sign2_q, minus2_q, nan2_q, inf2_q;
  logic [7:0] exp2_q;
  logic [23:0] large2_q;
  logic [26:0] small2_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign2_q  <= sign1_q;
      minus2_q <= minus1_q;
      exp2_q   <= exp1_q;
      large2_q <= large1_q;
      small2_q <= far ? '0 : {aligned, lost != '0};
      inf2_q   <= top_exp;
      // the larger is a NaN, or both are infinities (equal exponents, the smaller fraction is 0 too)
      nan2_q   <= top_exp && (large1_q[22:0] != '0 || (shift1_q == '0 && minus1_q));
    end
  end

  // ---- 3: add; never negative ------------------------------------------------------------------------------------
  logic sign3_q, minus3_q, nan3_q, inf3_q;
  logic [7:0] exp3_q;
  logic [27:0] sum3_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign3_q  <= sign2_q;
      minus3_q <= minus2_q;
      nan3_q   <= nan2_q;
      inf3_q   <= inf2_q;
      exp3_q   <= exp2_q;
      sum3_q   <= {1'b0, large2_q, 3'b0} + ({1'b0, small2_q} ^ {28{minus2_q}}) + 28'(minus2_q);
    end
  end

  // ---- 4: three places of the leading one need rounding. Below them the magnitudes were next to each other and the
  //         difference is exact: its leading zeros are counted instead ---------------------------------------------------
  logic sign4_q, nan4_q, above4_q, below4_q, zero4_q, far4_q, up4_q;
  logic [7:0] exp4_q, far_exp4_q;
  logic [4:0] zeros4_q;
  logic [24:0] sum4_q;
  logic [22:0] fraction4_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign4_q  <= sign3_q && !nan3_q && !(minus3_q && sum3_q == '0);  // x - x is +0
      nan4_q   <= nan3_q;
      above4_q <= nan3_q || inf3_q || (sum3_q[27] && exp3_q >= 8'd254);
      below4_q <= !sum3_q[27] && !sum3_q[26] && exp3_q == 8'd1;
      zero4_q  <= sum3_q == '0;
      far4_q   <= sum3_q[27:25] != '0;
      exp4_q   <= exp3_q;
      zeros4_q <= fp32_pkg::leading_zeros({sum3_q[24:0], 7'b1111111});
      sum4_q   <= sum3_q[24:0];
      if (sum3_q[27]) begin
        far_exp4_q  <= exp3_q + 8'd1;
        fraction4_q <= sum3_q[26:4];
        up4_q       <= sum3_q[3] && (sum3_q[4] || sum3_q[2:0] != '0);
      end else if (sum3_q[26]) begin
        far_exp4_q  <= exp3_q;
        fraction4_q <= sum3_q[25:3];
        up4_q       <= sum3_q[2] && (sum3_q[3] || sum3_q[1:0] != '0);
      end else begin
        far_exp4_q  <= exp3_q - 8'd1;
        fraction4_q <= sum3_q[24:2];
        up4_q       <= sum3_q[1] && (sum3_q[2] || sum3_q[0]);
      end
    end
  end

  // ---- 5: round or normalise; a carry out of the fraction goes into the exponent, and from the largest number to infinity --
  wire [30:0] rounded = {far_exp4_q, fraction4_q} + 31'(up4_q);
  wire [24:0] norm = sum4_q << zeros4_q;
  wire [30:0] exact = {exp4_q - 8'd2 - 8'(zeros4_q), norm[23:1]};
  wire exact_below = 9'(exp4_q) < 9'(zeros4_q) + 9'd3;
  wire unused = ^{norm[24], norm[0]};  // the leading one; a bit below the fraction, which is never set
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      y_o[31] <= sign4_q;
      if (above4_q) y_o[30:0] <= {8'd255, nan4_q, 22'b0};
      else if (zero4_q || (far4_q ? below4_q : exact_below)) y_o[30:0] <= '0;
      else y_o[30:0] <= far4_q ? rounded : exact;
    end
  end
endmodule
