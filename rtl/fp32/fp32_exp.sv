// fp32_exp: y = e^x.
//
//   x to -88..89;  k = rne(x * 128/ln2);  r = (x - k*High) - k*Low;  t = Table[k mod 128] = 2^((k mod 128)/128)
//   y = t + t * (r + r * (r/2)), then floor(k / 128) is added to the exponent
//
// Numbers:  results below 2^-126 are +0 (so e^-inf = 0), above the largest number infinity; NaN gives 0x7FC00000. Within 1.1 ulp.
//
// Latency:       fp32_pkg::ExpLatency = 4 Mul + 4 Add + ToInt + FromInt + 2 = 46. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_exp
  import fp32_pkg::*;
  import fp32_tables_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] x_i,
    output logic [31:0] y_o
);
  // cycles after x_i; a name stands for the value that is there
  localparam int unsigned AtX = 1;
  localparam int unsigned AtK = AtX + MulLatency + ToIntLatency;
  localparam int unsigned AtKTimes = AtK + FromIntLatency + MulLatency;
  localparam int unsigned AtHigh = AtKTimes + AddLatency;
  localparam int unsigned AtR = AtHigh + AddLatency;
  localparam int unsigned AtPoly = AtR + MulLatency + AddLatency;
  localparam int unsigned AtTPoly = AtPoly + MulLatency;
  localparam int unsigned AtSum = AtTPoly + AddLatency;
  if (AtSum + 1 != ExpLatency) $error("%m: ExpLatency is %0d, allowed: %0d", ExpLatency, AtSum + 1);
  localparam int unsigned KW = 16;

  // Beyond the ends nothing changes any more. A NaN is neither, and stays one up to the last step.
  wire nan = x_i[30:23] == '1 && x_i[22:0] != '0;
  logic [31:0] x_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      if (!nan && !x_i[31] && x_i[30:0] > ExpHighest[30:0]) x_q <= ExpHighest;
      else if (!nan && x_i[31] && x_i[30:0] > ExpLowest[30:0]) x_q <= ExpLowest;
      else x_q <= x_i;
    end
  end

  logic [31:0] scaled, steps, k_low, x_late, k_low_late, high, r, poly, t, sum;
  logic [KW-1:0] k, k_table;
  logic [KW-8:0] k_end;
  fp32_mul u_scaled (.clk_i, .enable_i, .a_i(x_q), .b_i(ExpScale), .y_o(scaled));
  fp32_to_int #(.Bits(KW)) u_k (.clk_i, .enable_i, .a_i(scaled), .y_o(k));
  fp32_from_int #(.Bits(KW)) u_steps (.clk_i, .enable_i, .a_i(k), .y_o(steps));
  fp32_mul u_k_low (.clk_i, .enable_i, .a_i(steps), .b_i(ExpLow), .y_o(k_low));

  fp32_delay #(.Cycles(AtKTimes - MulLatency - AtX)) u_x_late (.clk_i, .enable_i, .d_i(x_q), .q_o(x_late));
  fp32_mul_add #(.Subtract(1'b1)) u_high (.clk_i, .enable_i, .a_i(steps), .b_i(ExpHigh), .c_i(x_late), .y_o(high));
  fp32_delay #(.Cycles(AddLatency)) u_k_low_late (.clk_i, .enable_i, .d_i(k_low), .q_o(k_low_late));
  fp32_add u_r (.clk_i, .enable_i, .a_i(high), .b_i(k_low_late), .subtract_i(1'b1), .y_o(r));

  fp32_mul_add u_poly (.clk_i, .enable_i, .a_i(r), .b_i(halve(r)), .c_i(r), .y_o(poly));

  fp32_delay #(.Width(KW), .Cycles(AtPoly - TableLatency - AtK)) u_k_table (.clk_i, .enable_i, .d_i(k), .q_o(k_table));
  always_ff @(posedge clk_i) if (enable_i) t <= ExpTable[k_table[6:0]];
  fp32_mul_add u_sum (.clk_i, .enable_i, .a_i(t), .b_i(poly), .c_i(t), .y_o(sum));

  fp32_delay #(.Width(KW - 7), .Cycles(AtSum - AtPoly + TableLatency)) u_k_end (
      .clk_i, .enable_i, .d_i(k_table[KW-1:7]), .q_o(k_end)
  );
  wire unused = sum[31];  // always positive
  wire [9:0] exponent = 10'(sum[30:23]) + 10'($signed(k_end));  // two's complement
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      if (sum[30:23] == '1) y_o <= QuietNan;
      else if (exponent[9] || exponent == '0) y_o <= '0;
      else if (exponent[8:0] >= 9'd255) y_o <= Infinity;
      else y_o <= {1'b0, exponent[7:0], sum[22:0]};
    end
  end
endmodule
