// attention_score: s[h] = (sum over D of q[h] * k) * scale for the QHeads heads of a group, position by position.
//
// The pipeline never stops; a beat of keys is taken when its score has a place in the queue behind it.
//
// Latency:       LatencyS = 2 + 2 Mul + (4 + log2(MaxBeats)) Add from a position's last beat to its score.
// Throughput:    one beat of keys a cycle.
// Back-pressure: s_ready_o depends on registers and on the group being there.
//
// Parameters:
//   QHeads, MaxBeats  as in attention_query
//   Places            scores that the queue behind holds
// Ports:
//   m_end_o  the score is of a head's last position
//   popped_i a score has left the queue
module attention_score
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    parameter int unsigned Places = 128,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic [            16*Lanes-1:0] s_data_i,
    input  logic                            s_end_i,
    input  logic                            s_last_i,
    input  logic                            s_valid_i,
    output logic                            s_ready_o,
    input  group_t                          group_i,
    input  logic                            group_valid_i,
    output logic                            group_done_o,
    output logic [               BeatW-1:0] beat_o,         // whose q is wanted, 1 cycle later
    input  logic [QHeads-1:0][32*Lanes-1:0] q_i,
    output logic [      QHeads-1:0][31:0]   m_score_o,
    output logic                            m_last_o,
    output logic                            m_valid_o,
    input  logic                            popped_i
);
  localparam int unsigned CountW = $clog2(Places + 1);
  localparam int unsigned SumLatency = fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, Lanes, MaxBeats);
  localparam int unsigned AtSum = FromBf16Latency + MulLatency + SumLatency;

  // ---- in --------------------------------------------------------------------------------------------------------
  logic [CountW-1:0] count_q;  // scores on their way or in the queue
  logic [BeatW-1:0] beat_q;
  logic full_q;
  wire take = s_valid_i && s_ready_o;
  wire whole = take && s_end_i;
  assign s_ready_o = group_valid_i && !full_q;
  assign group_done_o = whole && s_last_i;
  assign beat_o = beat_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      beat_q  <= '0;
      full_q  <= 1'b0;
    end else begin
      if (take) beat_q <= s_end_i ? '0 : beat_q + BeatW'(1);
      count_q <= count_q + CountW'(whole) - CountW'(popped_i);
      full_q  <= count_q >= CountW'(Places - 2);
    end
  end

  // ---- products and sums ---------------------------------------------------------------------------------------------
  logic [32*Lanes-1:0] k;
  for (genvar i = 0; i < Lanes; i++) begin : gen_k
    fp32_from_bf16 u_k (.clk_i, .enable_i(1'b1), .a_i(s_data_i[16*i+:16]), .y_o(k[32*i+:32]));
  end

  logic product_valid, product_end, end_late, last_late;
  logic [31:0] scale_late;
  logic [QHeads-1:0] sum_valid, too_long;
  fp32_valid #(.Cycles(FromBf16Latency + MulLatency)) u_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(take), .valid_o(product_valid)
  );
  fp32_delay #(.Width(1), .Cycles(FromBf16Latency + MulLatency)) u_end (
      .clk_i, .enable_i(1'b1), .d_i(s_end_i), .q_o(product_end)
  );
  fp32_delay #(.Width(33), .Cycles(AtSum)) u_late (
      .clk_i, .enable_i(1'b1), .d_i({s_last_i, group_i.scale}), .q_o({end_late, scale_late})
  );

  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    logic [32*Lanes-1:0] product;
    logic [31:0] sum;
    for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
      fp32_mul u_product (
          .clk_i, .enable_i(1'b1), .a_i(q_i[h][32*i+:32]), .b_i(k[32*i+:32]), .y_o(product[32*i+:32])
      );
    end
    fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Sum), .Lanes(Lanes), .MaxBeats(MaxBeats)) u_sum (
        .clk_i, .rst_ni, .enable_i(1'b1), .data_i(product), .valid_i(product_valid), .last_i(product_end),
        .data_o(sum), .valid_o(sum_valid[h]), .too_long_o(too_long[h])
    );
    fp32_mul u_score (.clk_i, .enable_i(1'b1), .a_i(sum), .b_i(scale_late), .y_o(m_score_o[h]));
  end

  fp32_valid #(.Cycles(MulLatency)) u_score_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(sum_valid[0]), .valid_o(m_valid_o)
  );
  fp32_delay #(.Width(1), .Cycles(MulLatency)) u_last (.clk_i, .enable_i(1'b1), .d_i(end_late), .q_o(last_late));
  assign m_last_o = last_late;
  wire unused = ^{sum_valid, group_i.beats, group_i.group, group_i.last};

  a_length :
  assert property (@(posedge clk_i) disable iff (!rst_ni) too_long == '0);
  a_places :
  assert property (@(posedge clk_i) disable iff (!rst_ni) count_q <= CountW'(Places));
endmodule
