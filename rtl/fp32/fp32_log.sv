// fp32_log: y = ln x.
//
//   x = m * 2^e, m in [1, 2);  j = m to the next 1/128, c = 1 + j/128;  z = (m - c) * Inverse[j]
//   y = e*ln2 + (Table[j] + (z + (z*z) * (z/3 - 1/2)))
//   From c = 1.414 on Table holds ln(c/2) and e is one higher, so that nothing cancels near x = 1.
//
// Numbers:  zeros give -infinity, infinity gives infinity, everything below zero and NaN 0x7FC00000. Within 1.5 ulp.
//
// Latency:       fp32_pkg::LogLatency = 3 Mul + 5 Add + 2 = 39. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_log
  import fp32_pkg::*;
  import fp32_tables_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] x_i,
    output logic [31:0] y_o
);
  localparam int unsigned Halve = 53;  // the first point that counts as half of it
  // cycles after x_i; a name stands for the value that is there
  localparam int unsigned AtJ = 1;
  localparam int unsigned AtDistance = AtJ + AddLatency;
  localparam int unsigned AtZ = AtDistance + MulLatency;
  localparam int unsigned AtThird = AtZ + MulLatency;
  localparam int unsigned AtSlope = AtThird + AddLatency;
  localparam int unsigned AtCurve = AtSlope + MulLatency;
  localparam int unsigned AtSeries = AtCurve + AddLatency;
  localparam int unsigned AtPoint = AtSeries + AddLatency;
  localparam int unsigned AtSum = AtPoint + AddLatency;
  if (AtSum + 1 != LogLatency) $error("%m: LogLatency is %0d, allowed: %0d", LogLatency, AtSum + 1);

  // What x was, for the end.
  typedef struct packed {
    logic nan;
    logic top;   // infinity
    logic zero;
  } end_t;

  wire [7:0] j = 8'(x_i[22:16]) + 8'(x_i[15]);
  wire higher = x_i[22:15] >= 8'(2 * Halve - 1);  // j >= Halve
  end_t end_q, end_late;
  logic [7:0] j_q, j_inverse, j_point;
  logic [8:0] e_q, e_late;
  logic [22:0] fraction_q;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      end_q.nan  <= (x_i[30:23] == '1 && x_i[22:0] != '0) || (x_i[31] && x_i[30:23] != '0);
      end_q.top  <= x_i[30:23] == '1;
      end_q.zero <= x_i[30:23] == '0;
      j_q        <= j;
      e_q        <= 9'(x_i[30:23]) - (higher ? 9'd126 : 9'd127);
      fraction_q <= x_i[22:0];
    end
  end

  logic [31:0] distance, inverse_q, z, z_third, z_late, square, square_late, slope, curve, series;
  logic [31:0] point_q, point, e, e_ln2, sum;
  fp32_add u_distance (
      .clk_i, .enable_i, .a_i({One[31:23], fraction_q}), .b_i({One[31:16] + 16'(j_q), 16'b0}), .subtract_i(1'b1),
      .y_o(distance)
  );
  fp32_delay #(.Width(8), .Cycles(AtDistance - TableLatency - AtJ)) u_j_inverse (.clk_i, .enable_i, .d_i(j_q), .q_o(j_inverse));
  always_ff @(posedge clk_i) if (enable_i) inverse_q <= LogInverse[j_inverse];
  fp32_mul u_z (.clk_i, .enable_i, .a_i(distance), .b_i(inverse_q), .y_o(z));

  fp32_mul u_square (.clk_i, .enable_i, .a_i(z), .b_i(z), .y_o(square));
  fp32_mul u_z_third (.clk_i, .enable_i, .a_i(z), .b_i(Third), .y_o(z_third));
  fp32_add u_slope (.clk_i, .enable_i, .a_i(z_third), .b_i(Half), .subtract_i(1'b1), .y_o(slope));
  fp32_delay #(.Cycles(AddLatency)) u_square_late (.clk_i, .enable_i, .d_i(square), .q_o(square_late));
  fp32_mul u_curve (.clk_i, .enable_i, .a_i(square_late), .b_i(slope), .y_o(curve));
  fp32_delay #(.Cycles(AtCurve - AtZ)) u_z_late (.clk_i, .enable_i, .d_i(z), .q_o(z_late));
  fp32_add u_series (.clk_i, .enable_i, .a_i(z_late), .b_i(curve), .subtract_i(1'b0), .y_o(series));

  fp32_delay #(.Width(8), .Cycles(AtSeries - AtDistance)) u_j_point (.clk_i, .enable_i, .d_i(j_inverse), .q_o(j_point));
  always_ff @(posedge clk_i) if (enable_i) point_q <= LogTable[j_point];
  fp32_add u_point (.clk_i, .enable_i, .a_i(point_q), .b_i(series), .subtract_i(1'b0), .y_o(point));

  fp32_delay #(.Width(9), .Cycles(AtPoint - MulLatency - FromIntLatency - AtJ)) u_e_late (
      .clk_i, .enable_i, .d_i(e_q), .q_o(e_late)
  );
  fp32_from_int #(.Bits(9)) u_e (.clk_i, .enable_i, .a_i(e_late), .y_o(e));
  fp32_mul u_e_ln2 (.clk_i, .enable_i, .a_i(e), .b_i(Ln2), .y_o(e_ln2));
  fp32_add u_sum (.clk_i, .enable_i, .a_i(e_ln2), .b_i(point), .subtract_i(1'b0), .y_o(sum));

  fp32_delay #(.Width($bits(end_t)), .Cycles(AtSum - AtJ)) u_end (.clk_i, .enable_i, .d_i(end_q), .q_o(end_late));
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      if (end_late.nan) y_o <= QuietNan;
      else if (end_late.zero) y_o <= {1'b1, Infinity[30:0]};
      else if (end_late.top) y_o <= Infinity;
      else y_o <= sum;
    end
  end
endmodule
