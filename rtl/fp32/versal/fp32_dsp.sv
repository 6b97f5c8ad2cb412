// fp32_dsp: the floating-point block DSPFP32 of AMD's Versal (a DSP58 in that mode). The one place that names the primitive.
//
//   product = a * b;  sum = (Cascade ? cascade : c) + (Product ? product : d), or minus
//
// Numbers:  those of docs/numbers.md but for two things: a NaN product has the sign of its factors (not that of a sum), and a product
//           in [2^-126 - 2^-150, 2^-126 - 2^-151) is zero, see docs/cores/fp32.md. Product and sum are rounded, each for itself.
//
// Latency:       product 4 cycles after a_i, 3 after b_i; sum 1 after the product or the cascade or 2 after d_i, 4 after c_i, subtract_i.
//                Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Product  1: there is a product, d_i is not used; 0: only a sum, a_i and b_i are not used
//   Sum      1: there is a sum; 0: only a product, which goes to the block above too
//   Cascade  1: the first summand is the product of the block below, c_i is not used
// Ports:
//   cascade_i, cascade_o  to cascade_i of the block above, and nowhere else
module fp32_dsp #(
    parameter bit Product = 1'b1,
    parameter bit Sum = 1'b0,
    parameter bit Cascade = 1'b0
) (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic [31:0] c_i,
    input  logic [31:0] d_i,
    input  logic [31:0] cascade_i,
    input  logic        subtract_i,
    output logic [31:0] product_o,
    output logic [31:0] sum_o,
    output logic [31:0] cascade_o
);
  if (!Product && !Sum) $error("%m: Product is 0, Sum 0, allowed: one of them 1");
  if (Cascade && !Sum) $error("%m: Cascade is 1, Sum 0, allowed: Cascade only with Sum");

  wire multiplies = enable_i && Product, adds = enable_i && Sum;
  logic [7:0] unused_exp[2];
  logic [22:0] unused_man[2];
  logic [1:0] unused_sign;
  logic [5:0] unused_flags;
  DSPFP32 #(
      .A_FPTYPE("B32"), .B_D_FPTYPE("B32"), .A_INPUT("DIRECT"), .B_INPUT("DIRECT"), .BCASCSEL("B"), .PCOUTSEL(Sum ? "FPA" : "FPM"),
      .USE_MULT(Product ? "MULTIPLY" : "NONE"), .RESET_MODE("SYNC"),
      .AREG(Product ? 2 : 0), .ACASCREG(Product ? 2 : 0), .FPBREG(Product ? 1 : 0), .FPMPIPEREG(Product ? 1 : 0),
      .FPM_PREG(Product ? 1 : 0), .FPCREG((Sum && !Cascade) ? 3 : 0), .FPDREG((Sum && !Product) ? 1 : 0), .FPOPMREG(Sum ? 3 : 0),
      .FPA_PREG(Sum ? 1 : 0), .INMODEREG(0)
  ) i_dsp (
      .CLK(clk_i), .FPINMODE(1'b1),  // the second factor is B
      // minus the first summand, minus the second; PCIN, C or 0; the product, D or 0
      .FPOPMODE({1'b0, subtract_i && Sum, Cascade ? 3'b111 : Sum ? 3'b110 : 3'b000, Sum ? {!Product, 1'b1} : 2'b00}),
      .A_SIGN(a_i[31]), .A_EXP(a_i[30:23]), .A_MAN(a_i[22:0]), .B_SIGN(b_i[31]), .B_EXP(b_i[30:23]), .B_MAN(b_i[22:0]),
      .C(c_i), .D_SIGN(d_i[31]), .D_EXP(d_i[30:23]), .D_MAN(d_i[22:0]),
      .ACIN_SIGN(1'b0), .ACIN_EXP('0), .ACIN_MAN('0), .BCIN_SIGN(1'b0), .BCIN_EXP('0), .BCIN_MAN('0), .PCIN(cascade_i),
      .CEA1(multiplies), .CEA2(multiplies), .CEB(multiplies), .CEFPMPIPE(multiplies), .CEFPM(multiplies),
      .CEC(adds && !Cascade), .CED(adds && !Product), .CEFPOPMODE(adds), .CEFPA(adds), .CEFPINMODE(1'b0),
      .ASYNC_RST(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTFPA(1'b0), .RSTFPINMODE(1'b0),
      .RSTFPM(1'b0), .RSTFPMPIPE(1'b0), .RSTFPOPMODE(1'b0),
      .FPM_OUT(product_o), .FPA_OUT(sum_o),
      .FPM_INVALID(unused_flags[0]), .FPM_OVERFLOW(unused_flags[1]), .FPM_UNDERFLOW(unused_flags[2]),
      .FPA_INVALID(unused_flags[3]), .FPA_OVERFLOW(unused_flags[4]), .FPA_UNDERFLOW(unused_flags[5]),
      .ACOUT_SIGN(unused_sign[0]), .ACOUT_EXP(unused_exp[0]), .ACOUT_MAN(unused_man[0]),
      .BCOUT_SIGN(unused_sign[1]), .BCOUT_EXP(unused_exp[1]), .BCOUT_MAN(unused_man[1]), .PCOUT(cascade_o)
  );
endmodule
