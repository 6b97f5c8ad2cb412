// attention_score: s[h] = (sum over D of q[h] * k) * scale for the QHeads heads of a group, position by position, from the sums over the
// 16 dimensions of every way and beat, which the ways make.
//
// The tree goes on over the ways of a beat and then over the beats, so it is that over the whole head. The pipeline never stops; a beat of
// keys is taken when its score has a place in the queue behind it.
//
// Latency:       LatencyS = 1 + 2 Mul + (4 + log2(Ways) + log2(MaxBeats)) Add from a position's last beat to its score.
// Throughput:    one beat of keys a cycle on every way.
// Back-pressure: s_ready_o depends on registers and on the group being there.
//
// Parameters:
//   Ways, QHeads, MaxBeats  as in attention_query
//   Places                  scores that the queue behind holds
// Ports:
//   s_end_i, s_last_i  the beat is its position's last; the position is its head's last
//   dot_i    Dot = FromBf16 + Mul + 4 Add cycles behind its beat
//   popped_i a score has left the queue
module attention_score
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    parameter int unsigned Places = 128,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              s_end_i,
    input  logic                              s_last_i,
    input  logic                              s_valid_i,
    output logic                              s_ready_o,
    input  group_t                            group_i,
    input  logic                              group_valid_i,
    output logic                              group_done_o,
    output logic [BeatW-1:0]                  beat_o,         // whose q is wanted, 1 cycle later
    input  logic [ Ways-1:0][QHeads-1:0][31:0] dot_i,
    output logic [QHeads-1:0][31:0]           m_score_o,
    output logic                              m_last_o,
    output logic                              m_valid_o,
    input  logic                              popped_i
);
  localparam int unsigned CountW = $clog2(Places + 1);
  localparam int unsigned Dot = FromBf16Latency + MulLatency + fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, Lanes, 1);
  localparam int unsigned Rest = fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, Ways, MaxBeats);

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

  // ---- sums ------------------------------------------------------------------------------------------------------------
  logic dot_valid, dot_end, last_late;
  logic [31:0] scale_late;
  logic [QHeads-1:0] sum_valid, too_long;
  fp32_valid #(.Cycles(Dot)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(take), .valid_o(dot_valid));
  fp32_delay #(.Width(1), .Cycles(Dot)) u_end (.clk_i, .enable_i(1'b1), .d_i(s_end_i), .q_o(dot_end));
  fp32_delay #(.Width(32), .Cycles(Dot + Rest)) u_scale (
      .clk_i, .enable_i(1'b1), .d_i(group_i.scale), .q_o(scale_late)
  );
  fp32_delay #(.Width(1), .Cycles(Dot + Rest + MulLatency)) u_last (
      .clk_i, .enable_i(1'b1), .d_i(s_last_i), .q_o(last_late)
  );

  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    logic [31:0] sum;
    if (Ways * MaxBeats == 1) begin : gen_whole
      assign sum = dot_i[0][h];
      assign sum_valid[h] = dot_valid;
      assign too_long[h] = dot_valid && !dot_end;
    end else begin : gen_tree
      localparam int unsigned Leaves = 1 << $clog2(Ways);  // other numbers attention itself refuses
      logic [32*Leaves-1:0] dots;
      for (genvar w = 0; w < Ways; w++) begin : gen_ways
        assign dots[32*w+:32] = dot_i[w][h];
      end
      fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Sum), .Lanes(Leaves), .MaxBeats(MaxBeats)) u_sum (
          .clk_i, .rst_ni, .enable_i(1'b1), .data_i(dots), .valid_i(dot_valid), .last_i(dot_end),
          .data_o(sum), .valid_o(sum_valid[h]), .too_long_o(too_long[h])
      );
    end
    fp32_mul u_score (.clk_i, .enable_i(1'b1), .a_i(sum), .b_i(scale_late), .y_o(m_score_o[h]));
  end

  fp32_valid #(.Cycles(MulLatency)) u_score_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(sum_valid[0]), .valid_o(m_valid_o)
  );
  assign m_last_o = last_late;
  wire unused = ^{sum_valid, group_i.beats, group_i.group, group_i.last};

  a_length :
  assert property (@(posedge clk_i) disable iff (!rst_ni) too_long == '0);
  a_places :
  assert property (@(posedge clk_i) disable iff (!rst_ni) count_q <= CountW'(Places));
endmodule
