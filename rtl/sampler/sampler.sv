// sampler: the next token from the logits: the largest, or a draw from softmax(logits / temperature) by the Gumbel-max rule.
//
//   score[i] = logit[i], or with a temperature logit[i] * inv_temp - ln(-ln u[i]);  token = the first of the largest scores
//   u[i]: counter-based hash of (seed, step, i), see docs/numbers.md
//   top: the TopK largest logits with their ids, in order, ties by the lower id
//
// Numbers:       those of the fp32 units. NaN is never taken: it counts as -infinity; if nothing is above that, the token is 0.
//                In top, NaN comes out as -infinity, -0 and subnormals as +0.
// Vocabulary:    any size up to 2^IdW; ids count the values of the beats, those without tkeep too.
// Latency:       from the last beat to the token: log2(Lanes) + 3; with noise ScoreLatency = 95 and Lanes / NoiseLanes more.
//                Logits are taken one cycle after the command, with noise 3 * MixLatency + 6 = 27 cycles after it.
// Throughput:    one beat a cycle; with noise one per Lanes / NoiseLanes cycles. One cycle more for each further logit of a beat
//                that belongs among the TopK so far: about TopK ln(V / TopK) cycles in all for logits in random order, up to
//                Lanes cycles a beat if they rise all the time. One token at a time.
// Back-pressure: no ready depends on a consumer's ready within a cycle. The next command waits until token and top have left.
// Errors:        error_o stays until the reset: more values than ids. Nothing hangs.
//
// Parameters:
//   Lanes       logits in a beat, a power of two; lane 0, the lowest bits, is the first
//   NoiseLanes  logits that get noise in a cycle, a power of two, at most Lanes; two logarithms each
//   TopK        entries of top, 1..64
//   IdW         bits of an id, log2(Lanes)..31
// Ports:
//   s_cmd_noise      0: the largest logit; the other fields do not matter
//   s_cmd_inv_temp   fp32(1 / temperature)
//   s_axis_tkeep     a bit for each value: it counts (beats before the last are usually full)
//   m_axis_top_tdata {logit, id}, tlast on the last of min(TopK, values) entries
module sampler
  import sampler_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned NoiseLanes = 4,
    parameter int unsigned TopK = 8,
    parameter int unsigned IdW = 20
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                s_cmd_noise,
    input  logic [        31:0] s_cmd_inv_temp,
    input  logic [        31:0] s_cmd_seed,
    input  logic [        31:0] s_cmd_step,
    input  logic                s_cmd_tvalid,
    output logic                s_cmd_tready,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic [   Lanes-1:0] s_axis_tkeep,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic [     IdW-1:0] m_axis_token_tdata,
    output logic                m_axis_token_tvalid,
    input  logic                m_axis_token_tready,
    output logic [  IdW+32-1:0] m_axis_top_tdata,
    output logic                m_axis_top_tlast,
    output logic                m_axis_top_tvalid,
    input  logic                m_axis_top_tready,
    output logic                error_o
);
  localparam int unsigned Parts = Lanes / NoiseLanes;
  localparam int unsigned PartW = (Parts > 1) ? $clog2(Parts) : 1;

  if (Lanes < 1 || Lanes != 1 << $clog2(Lanes)) $error("%m: Lanes is %0d, allowed: powers of two", Lanes);
  if (NoiseLanes < 1 || NoiseLanes != 1 << $clog2(NoiseLanes) || NoiseLanes > Lanes)
    $error("%m: NoiseLanes is %0d, allowed: powers of two up to %0d", NoiseLanes, Lanes);
  if (TopK < 1 || TopK > 64) $error("%m: TopK is %0d, allowed: 1..64", TopK);
  if (IdW < 1 || IdW < $clog2(Lanes) || IdW > 31) $error("%m: IdW is %0d, allowed: log2(Lanes)..31", IdW);

  // ---- one token at a time ---------------------------------------------------------------------------------------------
  logic noise_q, start_q, wait_keys_q, run_q, token_due_q, top_due_q;
  logic [31:0] inv_temp_q, seed_q, step_q, k0, k1;
  logic keys_done, found, top_done, top_ready, hold_ready;
  logic [IdW:0] base_q;
  wire start = s_cmd_tvalid && s_cmd_tready;
  wire take = s_axis_tvalid && s_axis_tready;
  assign s_cmd_tready = !token_due_q && !top_due_q;
  assign s_axis_tready = run_q && top_ready && (hold_ready || !noise_q);

  always_ff @(posedge clk_i) begin
    if (start) begin
      noise_q    <= s_cmd_noise;
      inv_temp_q <= s_cmd_inv_temp;
      seed_q     <= s_cmd_seed;
      step_q     <= s_cmd_step;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      start_q             <= 1'b0;
      wait_keys_q         <= 1'b0;
      run_q               <= 1'b0;
      token_due_q         <= 1'b0;
      top_due_q           <= 1'b0;
      m_axis_token_tvalid <= 1'b0;
      base_q              <= '0;
      error_o             <= 1'b0;
    end else begin
      start_q <= start && s_cmd_noise;
      if (start) {token_due_q, top_due_q} <= 2'b11;
      if (start && s_cmd_noise) wait_keys_q <= 1'b1;
      else if (keys_done && !start_q) wait_keys_q <= 1'b0;
      if (start && !s_cmd_noise) run_q <= 1'b1;
      else if (wait_keys_q && keys_done && !start_q) run_q <= 1'b1;
      else if (take && s_axis_tlast) run_q <= 1'b0;
      if (found) m_axis_token_tvalid <= 1'b1;
      else if (m_axis_token_tready) m_axis_token_tvalid <= 1'b0;
      if (m_axis_token_tvalid && m_axis_token_tready) token_due_q <= 1'b0;
      if (top_done) top_due_q <= 1'b0;
      if (start) base_q <= '0;
      else if (take) base_q <= base_q + (IdW + 1)'(Lanes);
      if (take && base_q[IdW]) error_o <= 1'b1;
    end
  end

  sampler_keys u_keys (
      .clk_i, .rst_ni, .start_i(start_q), .seed_i(seed_q), .step_i(step_q), .k0_o(k0), .k1_o(k1), .done_o(keys_done)
  );

  // ---- ranks of the logits, for top and, without noise, for the token --------------------------------------------------
  logic [32*Lanes-1:0] rank, rank_q;
  logic [IdW-1:0] rank_base_q;
  logic rank_valid_q, rank_last_q;
  for (genvar i = 0; i < Lanes; i++) begin : gen_ranks
    assign rank[32*i+:32] = s_axis_tkeep[i] ? rank_of(s_axis_tdata[32*i+:32]) : Nothing;
  end

  sampler_top #(.Lanes(Lanes), .IdW(IdW), .TopK(TopK)) u_top (
      .clk_i, .rst_ni, .rank_i(rank), .base_i(base_q[IdW-1:0]), .last_i(s_axis_tlast), .taken_i(take), .ready_o(top_ready),
      .m_data_o(m_axis_top_tdata), .m_last_o(m_axis_top_tlast), .m_valid_o(m_axis_top_tvalid),
      .m_ready_i(m_axis_top_tready), .done_o(top_done)
  );

  // ---- noise: a beat waits while its parts go through the scores ---------------------------------------------------------
  logic [32*Lanes-1:0] hold_q;
  logic [Lanes-1:0] hold_keep_q;
  logic [IdW-1:0] hold_base_q;
  logic [PartW-1:0] part_q;
  logic hold_valid_q, hold_last_q;
  wire part_last = part_q == PartW'(Parts - 1);
  assign hold_ready = !hold_valid_q || part_last;

  always_ff @(posedge clk_i) begin
    if (hold_ready) begin
      hold_q      <= s_axis_tdata;
      hold_keep_q <= s_axis_tkeep;
      hold_base_q <= base_q[IdW-1:0];
      hold_last_q <= s_axis_tlast;
    end else begin
      hold_q      <= hold_q >> (32 * NoiseLanes);
      hold_keep_q <= hold_keep_q >> NoiseLanes;
      hold_base_q <= hold_base_q + IdW'(NoiseLanes);
    end
    if (!rst_ni) begin
      hold_valid_q <= 1'b0;
      part_q       <= '0;
    end else begin
      if (hold_ready) hold_valid_q <= take && noise_q;
      part_q <= (hold_valid_q && !part_last) ? part_q + PartW'(1) : '0;
    end
  end

  logic [32*NoiseLanes-1:0] score;
  logic [NoiseLanes-1:0] score_keep;
  logic [IdW-1:0] score_base;
  logic score_valid, score_last;
  for (genvar i = 0; i < NoiseLanes; i++) begin : gen_scores
    sampler_score u_score (
        .clk_i, .logit_i(hold_q[32*i+:32]), .id_i(32'(hold_base_q) | 32'(i)), .k0_i(k0), .k1_i(k1),
        .inv_temp_i(inv_temp_q), .score_o(score[32*i+:32])
    );
  end
  fp32_delay #(.Width(NoiseLanes + IdW + 1), .Cycles(ScoreLatency)) u_beside (
      .clk_i, .enable_i(1'b1), .d_i({hold_keep_q[NoiseLanes-1:0], hold_base_q, hold_last_q && part_last}),
      .q_o({score_keep, score_base, score_last})
  );
  fp32_valid #(.Cycles(ScoreLatency)) u_score_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(hold_valid_q), .valid_o(score_valid)
  );

  // ---- the token -----------------------------------------------------------------------------------------------------
  logic [32*Lanes-1:0] chosen;
  for (genvar i = 0; i < Lanes; i++) begin : gen_chosen
    if (i < NoiseLanes) begin : gen_both
      assign chosen[32*i+:32] = !noise_q ? rank[32*i+:32] : score_keep[i] ? rank_of(score[32*i+:32]) : Nothing;
    end else begin : gen_direct
      assign chosen[32*i+:32] = noise_q ? Nothing : rank[32*i+:32];
    end
  end
  always_ff @(posedge clk_i) begin
    rank_q       <= chosen;
    rank_base_q  <= noise_q ? score_base : base_q[IdW-1:0];
    rank_last_q  <= noise_q ? score_last : s_axis_tlast;
    rank_valid_q <= rst_ni && (noise_q ? score_valid : take);
  end
  sampler_best #(.Lanes(Lanes), .IdW(IdW)) u_best (
      .clk_i, .rst_ni, .start_i(start), .rank_i(rank_q), .base_i(rank_base_q), .valid_i(rank_valid_q),
      .last_i(rank_last_q), .id_o(m_axis_token_tdata), .found_o(found)
  );

  stream_checker #(.Width(IdW)) u_token_rules (
      .clk_i, .rst_ni, .valid_i(m_axis_token_tvalid), .ready_i(m_axis_token_tready), .data_i(m_axis_token_tdata)
  );
  stream_checker #(.Width(IdW + 33)) u_top_rules (
      .clk_i, .rst_ni, .valid_i(m_axis_top_tvalid), .ready_i(m_axis_top_tready),
      .data_i({m_axis_top_tlast, m_axis_top_tdata})
  );
`ifndef SYNTHESIS
  // From the last beat to the token.
  localparam int unsigned Direct = $clog2(Lanes) + 3;
  localparam int unsigned Noisy = Direct + Parts + ScoreLatency;
  int unsigned age_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || m_axis_token_tvalid) age_q <= 0;
    else if (take && s_axis_tlast) age_q <= 1;
    else if (age_q != 0) age_q <= age_q + 1;
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_axis_token_tvalid == 1'b0 || age_q == 0 ||
      age_q == (noise_q ? Noisy : Direct));
  a_in_time :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q <= (noise_q ? Noisy : Direct));
`endif
endmodule
