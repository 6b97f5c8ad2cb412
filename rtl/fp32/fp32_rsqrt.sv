// fp32_rsqrt: y = 1 / sqrt(x).
//
//   m in [1, 4) is the mantissa, so that the rest of the exponent is even;  y = Table[lowest exponent bit, upper 7 fraction
//   bits];  twice y = y + y * ((1 - (m*y)*y) / 2);  then half the rest of the exponent is subtracted
//
// Numbers:  zeros of both signs give +infinity, +infinity gives +0, everything below zero and NaN 0x7FC00000. Even powers of
//           two are exact. Within 1.3 ulp.
//
// Latency:       fp32_pkg::RsqrtLatency = 6 Mul + 2 Add + 2 OneMinus + 2 = 42. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_rsqrt
  import fp32_pkg::*;
  import fp32_tables_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] x_i,
    output logic [31:0] y_o
);
  localparam int unsigned AtY = TableLatency + 2 * RsqrtStepLatency;
  if (AtY + 1 != RsqrtLatency) $error("%m: RsqrtLatency is %0d, allowed: %0d", RsqrtLatency, AtY + 1);

  // What is left of x for the end: NaN, infinity or zero as the result, and the half exponent.
  typedef struct packed {
    logic       nan;
    logic       infinity;
    logic       zero;
    logic [7:0] half;
  } end_t;

  wire zero = x_i[30:23] == '0;
  wire top = x_i[30:23] == '1;
  end_t end0_q, end2;
  logic odd0_q, odd1;
  logic [22:0] fraction0_q, fraction1;
  logic [31:0] y0_q, y1, y2;
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      end0_q.nan      <= (top && x_i[22:0] != '0) || (x_i[31] && !zero);
      end0_q.infinity <= zero;
      end0_q.zero     <= top;
      end0_q.half     <= 8'(x_i[30:24]) + 8'(x_i[23]);  // (exponent + 1) div 2
      odd0_q          <= x_i[23];
      fraction0_q     <= x_i[22:0];
      y0_q            <= RsqrtTable[x_i[23:16]];
    end
  end

  // [1, 2) if the exponent is odd (its bias is), else [2, 4)
  function automatic logic [31:0] mantissa(input logic odd, input logic [22:0] fraction);
    return {1'b0, odd ? 8'd127 : 8'd128, fraction};
  endfunction

  fp32_rsqrt_step u_step0 (.clk_i, .enable_i, .m_i(mantissa(odd0_q, fraction0_q)), .y_i(y0_q), .y_o(y1));
  fp32_delay #(.Width(24), .Cycles(RsqrtStepLatency)) u_m1 (
      .clk_i, .enable_i, .d_i({odd0_q, fraction0_q}), .q_o({odd1, fraction1})
  );
  fp32_rsqrt_step u_step1 (.clk_i, .enable_i, .m_i(mantissa(odd1, fraction1)), .y_i(y1), .y_o(y2));
  fp32_delay #(.Width($bits(end_t)), .Cycles(2 * RsqrtStepLatency)) u_end (
      .clk_i, .enable_i, .d_i(end0_q), .q_o(end2)
  );

  wire unused = y2[31];  // always positive
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      if (end2.nan) y_o <= QuietNan;
      else if (end2.infinity) y_o <= Infinity;
      else if (end2.zero) y_o <= '0;
      else y_o <= {1'b0, y2[30:23] + 8'd64 - end2.half, y2[22:0]};
    end
  end
endmodule
