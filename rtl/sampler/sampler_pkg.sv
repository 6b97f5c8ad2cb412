// sampler_pkg: the order of logits as integers, constants of the generator, latencies.
package sampler_pkg;
  import fp32_pkg::*;

  localparam logic [31:0] Multiplier0 = 32'h7feb_352d;
  localparam logic [31:0] Multiplier1 = 32'h846c_a68b;
  localparam logic [31:0] GoldenRatio = 32'h9e37_79b9;

  localparam int unsigned MixLatency = 7;
  localparam int unsigned NoiseLatency = MixLatency + FromIntLatency + 1 + 2 * LogLatency;
  localparam int unsigned ScoreLatency = NoiseLatency + AddLatency;

  // Unsigned order of fp32 numbers: NaN is -infinity, subnormals and -0 are +0. 0 is below all of them: no number.
  localparam logic [31:0] Nothing = 32'h0000_0000;
  localparam logic [31:0] Lowest = 32'h007f_ffff;  // -infinity
  function automatic logic [31:0] rank_of(input logic [31:0] x);
    if (x[30:23] == '1 && x[22:0] != '0) return Lowest;
    if (x[30:23] == '0) return 32'h8000_0000;
    return x[31] ? {1'b0, ~x[30:0]} : {1'b1, x[30:0]};
  endfunction

  function automatic logic [31:0] number_of(input logic [31:0] rank);
    return rank[31] ? {1'b0, rank[30:0]} : {1'b1, ~rank[30:0]};
  endfunction
endpackage
