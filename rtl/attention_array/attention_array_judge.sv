// attention_array_judge: takes a token's command, finds the group size heads / kv_heads and every engine's share, and hands them out.
//
//   of K kv heads engine e has K / Engines, and one more if e < K % Engines, each with its group of q heads
//
// What concerns addresses, positions and head_dim the engines judge.
//
// Latency:       2 cycles plus one for every q head of a group.
// Throughput:    one command in that time.
// Back-pressure: s_cmd_tready depends only on registers and stop_i.
// Errors:        refused_o rises when heads are no multiple of kv_heads or more than QHeads times it, and stays until the reset.
//
// Parameters:
//   Engines, Ways, QHeads  as in attention_array
// Ports:
//   m_q_round_o, m_kv_round_o  how q and results, and how k and v, go around; with m_valid_o
//   m_cmd_valid_o  of each engine, until it is taken; heads and kv heads with it
module attention_array_judge
  import attention_array_pkg::*;
#(
    parameter int unsigned Engines = 2,
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 2
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    stop_i,
    input  logic [        7:0]      s_cmd_heads,
    input  logic [        7:0]      s_cmd_kv_heads,
    input  logic [        9:0]      s_cmd_head_dim,
    input  logic                    s_cmd_tvalid,
    output logic                    s_cmd_tready,
    output round_t                  m_q_round_o,
    output round_t                  m_kv_round_o,
    output logic                    m_valid_o,
    input  logic                    m_ready_i,
    output logic [Engines-1:0][7:0] m_cmd_heads_o,
    output logic [Engines-1:0][7:0] m_cmd_kv_heads_o,
    output logic [Engines-1:0]      m_cmd_valid_o,
    input  logic [Engines-1:0]      m_cmd_ready_i,
    output logic                    refused_o
);
  localparam int unsigned EngineW = $clog2(Engines);

  typedef enum logic [1:0] {
    Idle,
    Divide,
    Offer,
    Hand
  } state_e;
  state_e state_q;
  logic [7:0] heads_q, kv_heads_q, few_q, few_heads_q, more_heads_q;  // of engines with fewer kv heads, and with one more
  logic [4:0] beats_q;
  logic [7:0] lines_q;
  logic [3:0] group_q;
  logic [8:0] sum_q;  // group * kv_heads
  logic [Engines-1:0] pending_q, more;
  wire take = s_cmd_tvalid && s_cmd_tready;
  wire divided = sum_q == {1'b0, heads_q};
  assign s_cmd_tready = state_q == Idle && !stop_i && !refused_o;
  assign m_valid_o = state_q == Offer;
  assign m_q_round_o = '{lines: lines_q, turns: kv_heads_q};
  assign m_kv_round_o = '{lines: 8'(beats_q), turns: kv_heads_q};
  assign m_cmd_valid_o = (state_q == Hand && !stop_i) ? pending_q : '0;

  for (genvar e = 0; e < Engines; e++) begin : gen_engines
    assign more[e] = 8'(e) < (kv_heads_q & 8'(Engines - 1));
    assign m_cmd_kv_heads_o[e] = more[e] ? few_q + 8'd1 : few_q;
    assign m_cmd_heads_o[e] = more[e] ? more_heads_q : few_heads_q;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      heads_q      <= s_cmd_heads;
      kv_heads_q   <= s_cmd_kv_heads;
      few_q        <= s_cmd_kv_heads >> EngineW;
      few_heads_q  <= s_cmd_kv_heads >> EngineW;
      more_heads_q <= (s_cmd_kv_heads >> EngineW) + 8'd1;
      beats_q      <= 5'(s_cmd_head_dim >> (4 + $clog2(Ways)));
      lines_q      <= 8'(s_cmd_head_dim >> (4 + $clog2(Ways)));
      group_q      <= 4'd1;
      sum_q        <= {1'b0, s_cmd_kv_heads};
    end else if (state_q == Divide && !divided) begin
      few_heads_q  <= few_heads_q + few_q;
      more_heads_q <= more_heads_q + few_q + 8'd1;
      lines_q      <= lines_q + 8'(beats_q);
      group_q      <= group_q + 4'd1;
      sum_q        <= sum_q + {1'b0, kv_heads_q};
    end
    if (!rst_ni) begin
      state_q   <= Idle;
      pending_q <= '0;
      refused_o <= 1'b0;
    end else begin
      case (state_q)
        Idle: if (take) state_q <= Divide;
        Divide: begin
          if (kv_heads_q == '0 || (!divided && group_q == 4'(QHeads))) refused_o <= 1'b1;
          else if (divided && !refused_o) state_q <= Offer;
        end
        Offer: if (m_ready_i) state_q <= Hand;
        default: if ((pending_q & ~m_cmd_ready_i) == '0) state_q <= Idle;
      endcase
      if (state_q == Offer) begin
        for (int unsigned e = 0; e < Engines; e++) pending_q[e] <= more[e] || few_q != '0;
      end else pending_q <= pending_q & ~(m_cmd_valid_o & m_cmd_ready_i);
    end
  end

  a_refused_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni) refused_o |=> refused_o);
endmodule
