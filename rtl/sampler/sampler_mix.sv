// sampler_mix: one round of the hash, mod 2^32.
//
//   x ^= x >> 16;  x *= 0x7FEB352D;  x ^= key;  x ^= x >> 15;  x *= 0x846CA68B;  x ^= x >> 16
//
// A product's low half is made of three products of 16 bits and a sum of 16 bits; six DSP blocks altogether.
//
// Latency:       sampler_pkg::MixLatency = 7. Throughput: one number a cycle. Never stalls.
// Ports:
//   key_i  constant while numbers are inside
module sampler_mix
  import sampler_pkg::*;
(
    input  logic        clk_i,
    input  logic [31:0] x_i,
    input  logic [31:0] key_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 7;
  if (Stages != MixLatency) $error("%m: MixLatency is %0d, allowed: 7", MixLatency);

  // [0] of the first multiplication, [1] of the second
  logic [31:0] factor_q[2], low_q[2], product_q[2];
  logic [15:0] cross0_q[2], cross1_q[2];
  localparam logic [31:0] Multiplier[2] = '{Multiplier0, Multiplier1};
  wire [31:0] keyed = product_q[0] ^ key_i;

  always_ff @(posedge clk_i) begin
    factor_q[0] <= x_i ^ (x_i >> 16);
    factor_q[1] <= keyed ^ (keyed >> 15);
    for (int unsigned i = 0; i < 2; i++) begin
      low_q[i]     <= factor_q[i][15:0] * Multiplier[i][15:0];
      cross0_q[i]  <= factor_q[i][15:0] * Multiplier[i][31:16];
      cross1_q[i]  <= factor_q[i][31:16] * Multiplier[i][15:0];
      product_q[i] <= {low_q[i][31:16] + cross0_q[i] + cross1_q[i], low_q[i][15:0]};
    end
    y_o <= product_q[1] ^ (product_q[1] >> 16);
  end
endmodule
