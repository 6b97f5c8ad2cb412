// attention_judge: takes commands, judges them, finds the group size heads / kv_heads, and hands a job to all units at once.
//
// A job is fresh if its cache lies behind those of all jobs whose rows are not written yet, for keys and for values: then none of these is
// of the same cache, and its reads need not wait.
//
// Latency:       3 cycles plus one for every q head of a group.
// Throughput:    one command in that time.
// Back-pressure: s_cmd_tready depends only on registers and stop_i.
// Errors:        refused_o rises with a command that breaks a rule, and stays until the reset; nothing behind it is taken.
//
// Parameters:
//   Ways, KvBits, AddrW, QHeads, MaxHeadDim  as in attention
// Ports:
//   bases_good_i  the bases of the ports are multiples of a beat
//   written_i     the rows of all jobs handed out are in memory
module attention_judge
  import attention_pkg::*;
#(
    parameter int unsigned Ways = 1,
    parameter int unsigned KvBits = 16,
    parameter int unsigned AddrW = 64,
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxHeadDim = 128
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 stop_i,
    input  logic                 bases_good_i,
    input  logic                 written_i,
    input  logic [PositionW-1:0] s_cmd_position,
    input  logic [  PositionW:0] s_cmd_max_context,
    input  logic [    AddrW-1:0] s_cmd_cache_k,
    input  logic [    AddrW-1:0] s_cmd_cache_v,
    input  logic [          7:0] s_cmd_heads,
    input  logic [          7:0] s_cmd_kv_heads,
    input  logic [          9:0] s_cmd_head_dim,
    input  logic [         31:0] s_cmd_scale,
    input  logic                 s_cmd_tvalid,
    output logic                 s_cmd_tready,
    output job_t                 m_job_o,
    output logic [    AddrW-6:0] m_line_k_o,  // addresses in beats
    output logic [    AddrW-6:0] m_line_v_o,
    output logic                 m_valid_o,
    input  logic                 m_ready_i,
    output logic                 refused_o
);
  typedef enum logic [1:0] {
    Idle,
    Multiply,
    Divide,
    Offer
  } state_e;
  state_e state_q;
  job_t job_q;
  logic [PositionW:0] context_q;
  localparam bit Int8 = KvBits == 8;
  localparam int unsigned WayW = $clog2(Ways);
  logic [PositionW:0] before_q;  // int8: beats of scales before the position; context_q is those of a head
  logic [7:0] heads_q;
  logic [10:0] sum_q;  // group * kv_heads
  logic bad_q, divide_q;  // the first cycle of Divide

  wire take = s_cmd_tvalid && s_cmd_tready;
  assign s_cmd_tready = state_q == Idle && !stop_i && !refused_o;
  assign m_valid_o = state_q == Offer && !refused_o;
  assign m_job_o = job_q;

  always_ff @(posedge clk_i) begin
    if (take) begin
      job_q.position <= s_cmd_position;
      job_q.beats    <= 5'(s_cmd_head_dim >> (4 + WayW));
      job_q.kv_heads <= s_cmd_kv_heads;
      job_q.group    <= 4'd1;
      job_q.scale    <= s_cmd_scale;
      context_q      <= Int8 ? (s_cmd_max_context + (PositionW + 1)'(7)) >> 3 : s_cmd_max_context;
      before_q       <= ((PositionW + 1)'(s_cmd_position) + (PositionW + 1)'(7)) >> 3;
      heads_q        <= s_cmd_heads;
      sum_q          <= 11'(s_cmd_kv_heads);
      m_line_k_o     <= s_cmd_cache_k[AddrW-1:5];
      m_line_v_o     <= s_cmd_cache_v[AddrW-1:5];
      bad_q <= !bases_good_i || s_cmd_head_dim[3+WayW:0] != '0 || (Int8 && s_cmd_head_dim[4]) || s_cmd_head_dim == '0
          || 32'(s_cmd_head_dim) > MaxHeadDim || s_cmd_kv_heads == '0 || s_cmd_cache_k[4:0] != '0 || s_cmd_cache_v[4:0] != '0
          || (PositionW + 1)'(s_cmd_position) >= s_cmd_max_context
          || (s_cmd_max_context[PositionW] && s_cmd_max_context[PositionW-1:0] != '0);
    end
    if (state_q == Multiply) begin
      job_q.offset <= LineW'(job_q.position) * LineW'(Int8 ? {1'b0, job_q.beats[4:1]} : job_q.beats);
      job_q.stride <= LineW'(context_q) * (Int8 ? LineW'({job_q.beats[4:1], 3'b0}) : LineW'(job_q.beats));
    end
    if (Int8 && divide_q) begin  // and a beat of scales for every 8 positions
      job_q.offset <= job_q.offset + LineW'(before_q);
      job_q.stride <= job_q.stride + LineW'(context_q);
    end
    divide_q <= state_q == Multiply;
    if (state_q == Divide) begin
      job_q.group <= job_q.group + 4'd1;
      sum_q       <= sum_q + 11'(job_q.kv_heads);
    end
    if (state_q == Divide && sum_q == 11'(heads_q)) job_q.group <= job_q.group;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q   <= Idle;
      refused_o <= 1'b0;
    end else begin
      case (state_q)
        Idle: if (take) state_q <= Multiply;
        Multiply: begin
          state_q   <= Divide;
          refused_o <= bad_q;
        end
        Divide: begin
          if (sum_q == 11'(heads_q)) state_q <= Offer;
          else if (job_q.group == 4'(QHeads)) refused_o <= 1'b1;
          if (refused_o) state_q <= Divide;
        end
        default: if (m_ready_i) state_q <= Idle;
      endcase
    end
  end

  // ---- is it fresh: the highest caches since everything was written -----------------------------------------------------
  logic some_q;
  logic [AddrW-6:0] top_k_q, top_v_q;
  wire above_k = m_line_k_o > top_k_q;
  wire above_v = m_line_v_o > top_v_q;
  wire handed = m_valid_o && m_ready_i;
  always_ff @(posedge clk_i) begin
    if (state_q == Multiply) job_q.fresh <= !some_q || (above_k && above_v);
    if (handed && (!some_q || above_k)) top_k_q <= m_line_k_o;
    if (handed && (!some_q || above_v)) top_v_q <= m_line_v_o;
    if (!rst_ni) some_q <= 1'b0;
    else if (handed) some_q <= 1'b1;
    else if (written_i) some_q <= 1'b0;
  end

  a_refused_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni) refused_o |=> refused_o);
endmodule
