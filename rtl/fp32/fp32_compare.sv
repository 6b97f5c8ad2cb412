// fp32_compare: the order of a and b, and the larger of them.
//
// Numbers:  order_o is the golden code's two low bits: 0 equal (zeros of both signs are), 1 a > b, 3 (-1) a < b, 2 a NaN.
//           maximum_o: 0x7FC00000 if either is a NaN; a zero of any sign comes out as +0. Subnormals are zeros.
//
// Latency:       fp32_pkg::CompareLatency = 2. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_compare (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic [ 1:0] order_o,
    output logic [31:0] maximum_o
);
  localparam int unsigned Stages = 2;
  if (Stages != fp32_pkg::CompareLatency) $error("%m: CompareLatency is %0d, allowed: 2", fp32_pkg::CompareLatency);

  logic [31:0] a_q, b_q;
  logic less_q, more_q, a_zero_q, b_zero_q, a_nan_q, b_nan_q;  // of magnitudes
  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      a_q      <= a_i;
      b_q      <= b_i;
      less_q   <= a_i[30:0] < b_i[30:0];
      more_q   <= a_i[30:0] > b_i[30:0];
      a_zero_q <= a_i[30:23] == '0;
      b_zero_q <= b_i[30:23] == '0;
      a_nan_q  <= a_i[30:23] == '1 && a_i[22:0] != '0;
      b_nan_q  <= b_i[30:23] == '1 && b_i[22:0] != '0;
    end
  end

  wire nan = a_nan_q || b_nan_q;
  logic above, below;  // a > b, a < b
  always_comb begin
    case ({a_q[31], b_q[31]})
      2'b00: {above, below} = {more_q, less_q};
      2'b11: {above, below} = {less_q, more_q};
      2'b01: {above, below} = 2'b10;
      default: {above, below} = 2'b01;
    endcase
    if (a_zero_q && b_zero_q) {above, below} = 2'b00;
  end

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      order_o <= nan ? 2'd2 : {below, above || below};
      if (nan) maximum_o <= fp32_pkg::QuietNan;
      else if (below) maximum_o <= b_zero_q ? '0 : b_q;
      else maximum_o <= a_zero_q ? '0 : a_q;
    end
  end
endmodule
