// fp32_reciprocal: y = 1 / x.
//
//   m in [1, 2) is the mantissa;  y = Table[its upper 8 bits];  twice y = y + y * (1 - m*y);  then the exponent is subtracted
//
// Numbers:  zeros give infinity and infinities zero, of the same sign; above 2^126 the result is zero of the sign; NaN gives
//           0x7FC00000. Powers of two are exact. Within 1.3 ulp.
//
// Latency:       fp32_pkg::ReciprocalLatency = 4 Mul + 2 Add + 2 OneMinus + 2 = 34. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_reciprocal
  import fp32_pkg::*;
  import fp32_tables_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] x_i,
    output logic [31:0] y_o
);
  localparam int unsigned AtY = TableLatency + 2 * ReciprocalStepLatency;
  if (AtY + 1 != ReciprocalLatency) $error("%m: ReciprocalLatency is %0d, allowed: %0d", ReciprocalLatency, AtY + 1);

  // What is left of x for the end.
  typedef struct packed {
    logic       sign;
    logic       nan;
    logic       zero;
    logic [8:0] change;  // of the exponent, two's complement
  } end_t;

  end_t end0_q, end2;
  logic [22:0] fraction0_q, fraction1;
  logic [31:0] y0_q, y1, y2;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      end0_q.sign   <= x_i[31];
      end0_q.nan    <= x_i[30:23] == '1 && x_i[22:0] != '0;
      end0_q.zero   <= x_i[30:23] == '0;
      end0_q.change <= 9'd127 - 9'(x_i[30:23]);
      fraction0_q   <= x_i[22:0];
      y0_q          <= ReciprocalTable[x_i[22:15]];
    end
  end

  fp32_reciprocal_step u_step0 (.clk_i, .enable_i, .m_i({One[31:23], fraction0_q}), .y_i(y0_q), .y_o(y1));
  fp32_delay #(.Width(23), .Cycles(ReciprocalStepLatency)) u_m1 (.clk_i, .enable_i, .d_i(fraction0_q), .q_o(fraction1));
  fp32_reciprocal_step u_step1 (.clk_i, .enable_i, .m_i({One[31:23], fraction1}), .y_i(y1), .y_o(y2));
  fp32_delay #(.Width($bits(end_t)), .Cycles(2 * ReciprocalStepLatency)) u_end (
      .clk_i, .enable_i, .d_i(end0_q), .q_o(end2)
  );

  wire unused = y2[31];  // always positive
  wire [9:0] exponent = 10'(y2[30:23]) + 10'($signed(end2.change));  // two's complement
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      if (end2.nan) y_o <= QuietNan;
      else if (end2.zero) y_o <= {end2.sign, Infinity[30:0]};
      else if (exponent[9] || exponent == '0) y_o <= {end2.sign, 31'b0};
      else y_o <= {end2.sign, exponent[7:0], y2[22:0]};
    end
  end
endmodule
