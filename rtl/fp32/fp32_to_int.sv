// fp32_to_int: an fp32 as a signed integer, half to even, saturating at -2^(Bits-1) and 2^(Bits-1) - 1; NaN gives 0.
//
// Steps:    1 distance of the exponent   2 shift   3 round and apply the sign   4 saturate
//
// Latency:       fp32_pkg::ToIntLatency = 4. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Bits  of the integer, 2..32
module fp32_to_int #(
    parameter int unsigned Bits = 32
) (
    input  logic            clk_i,
    input  logic            enable_i,
    input  logic [    31:0] a_i,
    output logic [Bits-1:0] y_o
);
  localparam int unsigned Stages = 4;
  if (Stages != fp32_pkg::ToIntLatency) $error("%m: ToIntLatency is %0d, allowed: 4", fp32_pkg::ToIntLatency);
  if (Bits < 2 || Bits > 32) $error("%m: Bits is %0d, allowed: 2..32", Bits);
  // Where nothing is shifted the number is in [2^(Bits-2), 2^(Bits-1)): Bits-1 bits before the point.
  localparam int unsigned FieldW = ((Bits - 1 > 24) ? Bits - 1 : 24) + 1;  // with a guard bit at least
  localparam int unsigned BelowW = FieldW - Bits;  // bits below the guard bit

  logic sign1_q, nan1_q, huge1_q, little1_q;  // |a| >= 2^(Bits-1), |a| < 1/2
  logic [4:0] shift1_q;
  logic [23:0] fraction1_q;
  wire [FieldW-1:0] field = FieldW'(fraction1_q) << (FieldW - 24);
  wire [Bits-1:0] shifted = Bits'((field >> BelowW) >> shift1_q);  // and the guard bit
  wire [FieldW-1:0] lost = field & ~(({FieldW{1'b1}} << BelowW) << shift1_q);

  logic sign2_q, nan2_q, huge2_q, guard2_q, sticky2_q;
  logic [Bits-2:0] whole2_q;
  logic sign3_q, nan3_q, huge3_q;
  logic [Bits-1:0] whole3_q;
  wire up = guard2_q && (whole2_q[0] || sticky2_q);
  // -(w + up) = ~w + !up
  wire [Bits-1:0] signed_whole = (Bits'(whole2_q) ^ {Bits{sign2_q}}) + Bits'(up ^ sign2_q);
  wire too_high = !sign3_q && whole3_q[Bits-1];  // rounded up to 2^(Bits-1)

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      sign1_q     <= a_i[31];
      nan1_q      <= a_i[30:23] == '1 && a_i[22:0] != '0;
      huge1_q     <= a_i[30:23] >= 8'(Bits + 126);
      little1_q   <= a_i[30:23] < 8'd126;
      shift1_q    <= 5'(8'(Bits + 125) - a_i[30:23]);  // 0..Bits-1, where it matters
      fraction1_q <= {1'b1, a_i[22:0]};

      sign2_q   <= sign1_q;
      nan2_q    <= nan1_q;
      huge2_q   <= huge1_q;
      whole2_q  <= little1_q ? '0 : shifted[Bits-1:1];
      guard2_q  <= !little1_q && shifted[0];
      sticky2_q <= lost != '0;

      sign3_q  <= sign2_q;
      nan3_q   <= nan2_q;
      huge3_q  <= huge2_q;
      whole3_q <= signed_whole;

      if (nan3_q) y_o <= '0;
      else if (huge3_q || too_high) y_o <= {sign3_q, {Bits - 1{!sign3_q}}};
      else y_o <= whole3_q;
    end
  end
endmodule
