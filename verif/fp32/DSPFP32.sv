// DSPFP32: what the floating-point block of AMD's Versal does, as far as rtl/fp32/versal uses it; for synthesis a black box.
//
// Sources: AM004 (ports, attributes, multiplexers, subnormals, overflow, invalid operations) and the behaviour of AMD's simulation model
// UNISIM DSPFP32. No part of this file is taken from it. Not modelled, and refused: cascades of
// A, B and P (that of the product is), binary16, resets, the flags.
//
// Numbers: product and sum to nearest even as if the exponent had no lower end, then zero of the same sign below 2^-126. Subnormal
// inputs are zeros. NaN is 0x7FC00000 for a sum and has the sign of the factors in a product.
`ifdef SYNTHESIS
(* blackbox *)
`endif
module DSPFP32 #(
    parameter A_FPTYPE = "B32",
    parameter B_D_FPTYPE = "B32",
    parameter A_INPUT = "DIRECT",
    parameter B_INPUT = "DIRECT",
    parameter BCASCSEL = "B",
    parameter PCOUTSEL = "FPA",
    parameter USE_MULT = "MULTIPLY",
    parameter RESET_MODE = "SYNC",
    parameter int AREG = 1,
    parameter int ACASCREG = 1,
    parameter int FPBREG = 1,
    parameter int FPMPIPEREG = 1,
    parameter int FPM_PREG = 1,
    parameter int FPCREG = 3,
    parameter int FPDREG = 1,
    parameter int FPOPMREG = 3,
    parameter int FPA_PREG = 1,
    parameter int INMODEREG = 1
) (
    input CLK,
    input FPINMODE,
    input [6:0] FPOPMODE,
    input A_SIGN,
    input [7:0] A_EXP,
    input [22:0] A_MAN,
    input B_SIGN,
    input [7:0] B_EXP,
    input [22:0] B_MAN,
    input [31:0] C,
    input D_SIGN,
    input [7:0] D_EXP,
    input [22:0] D_MAN,
    input ACIN_SIGN,
    input [7:0] ACIN_EXP,
    input [22:0] ACIN_MAN,
    input BCIN_SIGN,
    input [7:0] BCIN_EXP,
    input [22:0] BCIN_MAN,
    input [31:0] PCIN,
    input CEA1,
    input CEA2,
    input CEB,
    input CEFPMPIPE,
    input CEFPM,
    input CEC,
    input CED,
    input CEFPOPMODE,
    input CEFPA,
    input CEFPINMODE,
    input ASYNC_RST,
    input RSTA,
    input RSTB,
    input RSTC,
    input RSTD,
    input RSTFPA,
    input RSTFPINMODE,
    input RSTFPM,
    input RSTFPMPIPE,
    input RSTFPOPMODE,
    output [31:0] FPM_OUT,
    output [31:0] FPA_OUT,
    output FPM_INVALID,
    output FPM_OVERFLOW,
    output FPM_UNDERFLOW,
    output FPA_INVALID,
    output FPA_OVERFLOW,
    output FPA_UNDERFLOW,
    output ACOUT_SIGN,
    output [7:0] ACOUT_EXP,
    output [22:0] ACOUT_MAN,
    output BCOUT_SIGN,
    output [7:0] BCOUT_EXP,
    output [22:0] BCOUT_MAN,
    output [31:0] PCOUT
);
`ifndef SYNTHESIS
  localparam logic [31:0] QuietNan = 32'h7fc0_0000;

  function automatic bit is_nan(input logic [30:0] x);
    return x[30:23] == '1 && x[22:0] != '0;
  endfunction

  function automatic bit is_infinite(input logic [30:0] x);
    return x[30:23] == '1 && x[22:0] == '0;
  endfunction

  // Exact; a subnormal is zero.
  function automatic real value(input logic [31:0] x);
    if (x[30:23] == '0) return $bitstoreal({x[31], 63'b0});
    return $bitstoreal({x[31], 11'(x[30:23]) + 11'd896, x[22:0], 29'b0});
  endfunction

  // To 24 bits, then zero or infinity beyond the ends. Products are exact in a real; sums are rounded there to 53 bits before, which
  // does not show in 24.
  function automatic logic [31:0] rounded(input real x);
    logic [63:0] bits = $realtobits(x);
    if (bits[62:0] == '0) return {bits[63], 31'b0};
    bits += 64'h0fff_ffff + 64'(bits[29]);
    if (bits[62:52] < 11'd897) return {bits[63], 31'b0};
    if (bits[62:52] > 11'd1150) return {bits[63], 31'h7f80_0000};
    return {bits[63], 8'(bits[62:52] - 11'd896), bits[51:29]};
  endfunction

  function automatic logic [31:0] multiply(input logic [31:0] x, input logic [31:0] y);
    logic sign = x[31] ^ y[31];
    if (is_nan(x[30:0]) || is_nan(y[30:0])) return {sign, QuietNan[30:0]};
    if (is_infinite(x[30:0]) || is_infinite(y[30:0]))
      return {sign, (x[30:23] == '0 || y[30:23] == '0) ? QuietNan[30:0] : 31'h7f80_0000};
    return rounded(value(x) * value(y));
  endfunction

  function automatic logic [31:0] add(input logic [31:0] x, input logic [31:0] y);
    if (is_nan(x[30:0]) || is_nan(y[30:0])) return QuietNan;
    if (is_infinite(x[30:0])) return (is_infinite(y[30:0]) && x[31] != y[31]) ? QuietNan : x;
    if (is_infinite(y[30:0])) return y;
    return rounded(value(x) + value(y));
  endfunction

  // ---- registers: as many as the attributes say ----------------------------------------------------------------------
  logic [31:0] a1_q, a2_q, b_q, d_q, m1_q, m2_q, p_q;
  logic [31:0] c_q[3];
  logic [6:0] mode_q[3];
  wire [31:0] a_in = {A_SIGN, A_EXP, A_MAN}, b_in = {B_SIGN, B_EXP, B_MAN}, d_in = {D_SIGN, D_EXP, D_MAN};
  wire [31:0] a = (AREG == 2) ? a2_q : (AREG == 1) ? a1_q : a_in;
  wire [31:0] b = (FPBREG == 1) ? b_q : b_in;
  wire [31:0] d = (FPDREG == 1) ? d_q : d_in;
  wire [31:0] c = (FPCREG == 0) ? C : c_q[(FPCREG+2)%3];
  wire [6:0] mode = (FPOPMREG == 0) ? FPOPMODE : mode_q[(FPOPMREG+2)%3];
  wire [31:0] m0 = (USE_MULT == "NONE") ? 32'b0 : multiply(a, FPINMODE ? b : d);
  wire [31:0] m1 = (FPMPIPEREG == 1) ? m1_q : m0;
  assign FPM_OUT = (FPM_PREG == 1) ? m2_q : m1;

  logic [31:0] p0, p1;
  always_comb begin
    case (mode[1:0])
      2'b01: p0 = FPM_OUT;
      2'b10: p0 = PCIN;
      2'b11: p0 = d;
      default: p0 = '0;
    endcase
    case (mode[4:2])
      3'b100, 3'b101: p1 = p_q;
      3'b110: p1 = c;
      3'b111: p1 = PCIN;
      default: p1 = '0;
    endcase
  end
  wire [31:0] p = add(p1 ^ {mode[6], 31'b0}, p0 ^ {mode[5], 31'b0});
  assign FPA_OUT = (FPA_PREG == 1) ? p_q : p;
  assign {FPM_INVALID, FPM_OVERFLOW, FPM_UNDERFLOW, FPA_INVALID, FPA_OVERFLOW, FPA_UNDERFLOW} = '0;
  assign {ACOUT_SIGN, ACOUT_EXP, ACOUT_MAN, BCOUT_SIGN, BCOUT_EXP, BCOUT_MAN} = '0;
  wire unused = ^{ACIN_SIGN, ACIN_EXP, ACIN_MAN, BCIN_SIGN, BCIN_EXP, BCIN_MAN, CEFPINMODE};
  assign PCOUT = (PCOUTSEL == "FPM") ? FPM_OUT : FPA_OUT;

  always_ff @(posedge CLK) begin
    if (AREG == 2 ? CEA1 : CEA2) a1_q <= a_in;
    if (CEA2) a2_q <= a1_q;
    if (CEB) b_q <= b_in;
    if (CED) d_q <= d_in;
    if (CEFPMPIPE) m1_q <= m0;
    if (CEFPM) m2_q <= m1;
    if (CEFPA) p_q <= p;
    if (CEC) c_q <= '{C, c_q[0], c_q[1]};
    if (CEFPOPMODE) mode_q <= '{FPOPMODE, mode_q[0], mode_q[1]};
  end

  // ---- attributes that AMD's model refuses, and what is not modelled ---------------------------------------------------
  if (A_FPTYPE != "B32" || B_D_FPTYPE != "B32" || A_INPUT != "DIRECT" || B_INPUT != "DIRECT")
    $error("%m: found binary16 or a cascade, allowed: B32 and DIRECT");
  if (AREG > 2 || ACASCREG > AREG || ACASCREG + 1 < AREG || (AREG == 1 && ACASCREG != 1))
    $error("%m: ACASCREG is %0d with AREG %0d, allowed: 0 with 0, 1 with 1, 1 or 2 with 2", ACASCREG, AREG);
  if (FPBREG > 1 || FPMPIPEREG > 1 || FPM_PREG > 1 || FPDREG > 1 || FPA_PREG > 1 || FPCREG > 3 || FPOPMREG > 3)
    $error("%m: found more registers than there are, allowed: FPCREG, FPOPMREG 0..3, the others 0..1");
  if (INMODEREG != 0 || BCASCSEL != "B" || RESET_MODE != "SYNC")
    $error("%m: found INMODEREG %0d or another cascade or reset, allowed: 0, B, SYNC", INMODEREG);
  if (USE_MULT == "NONE" && (AREG != 0 || FPBREG != 0 || FPMPIPEREG != 0 || FPM_PREG != 0))
    $error("%m: found registers of a multiplier that is not used, allowed: none");
  a_no_reset :
  assert property (@(posedge CLK) !ASYNC_RST && !RSTA && !RSTB && !RSTC && !RSTD && !RSTFPA && !RSTFPINMODE
      && !RSTFPM && !RSTFPMPIPE && !RSTFPOPMODE);
  a_one_cascade :
  assert property (@(posedge CLK) FPOPMODE[1:0] != 2'b10);
`endif
endmodule
