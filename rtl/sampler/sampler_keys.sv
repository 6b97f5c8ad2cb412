// sampler_keys: the two keys of a (seed, step), three rounds of the hash one after the other.
//
//   k0 = mix(seed ^ mix(step, 0), 0),  k1 = mix(k0 + 0x9E3779B9, 0)
//
// Latency:  done_o rises 3 * (MixLatency + 1) + 1 = 25 cycles after start_i and stays until the next one.
// Ports:
//   seed_i  stable from start_i on
module sampler_keys
  import sampler_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        start_i,
    input  logic [31:0] seed_i,
    input  logic [31:0] step_i,
    output logic [31:0] k0_o,
    output logic [31:0] k1_o,
    output logic        done_o
);
  logic [31:0] x_q, y;
  logic [1:0] round_q;
  logic [$clog2(MixLatency+1)-1:0] wait_q;
  logic busy_q;
  wire arrived = busy_q && wait_q == '0;

  sampler_mix u_mix (.clk_i, .x_i(x_q), .key_i('0), .y_o(y));

  always_ff @(posedge clk_i) begin
    wait_q <= (start_i || arrived) ? ($clog2(MixLatency + 1))'(MixLatency) : wait_q - ($clog2(MixLatency + 1))'(1);
    if (start_i) x_q <= step_i;
    else if (arrived) x_q <= (round_q == 2'd0) ? y ^ seed_i : y + GoldenRatio;
    if (arrived && round_q == 2'd1) k0_o <= y;
    if (arrived && round_q == 2'd2) k1_o <= y;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      round_q <= '0;
      busy_q  <= 1'b0;
      done_o  <= 1'b0;
    end else if (start_i) begin
      round_q <= '0;
      busy_q  <= 1'b1;
      done_o  <= 1'b0;
    end else if (arrived) begin
      round_q <= round_q + 2'd1;
      busy_q  <= round_q != 2'd2;
      done_o  <= round_q == 2'd2;
    end
  end
endmodule
