// attention_array_turns: whose turn it is, line by line: engine h % Engines has those of kv head h.
//
// Latency:       1 cycle from a token to its first line; none between tokens that wait.
// Throughput:    one line a cycle.
// Back-pressure: s_ready_o falls while Tokens tokens wait; registers only.
//
// Parameters:
//   Engines  a power of two
//   Tokens   that can wait
// Ports:
//   valid_o, engine_o, last_o  there is a line to come, from or to whom; it is its token's last; move_i: it goes
module attention_array_turns
  import attention_array_pkg::*;
#(
    parameter int unsigned Engines = 2,
    parameter int unsigned Tokens = 4,
    localparam int unsigned EngineW = (Engines > 1) ? $clog2(Engines) : 1
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  round_t             s_round_i,
    input  logic               s_valid_i,
    output logic               s_ready_o,
    output logic               valid_o,
    output logic [EngineW-1:0] engine_o,
    output logic               last_o,
    input  logic               move_i
);
  round_t round;
  logic [7:0] line_q, turn_q;
  logic [$clog2(Tokens+1)-1:0] tokens;
  wire line_last = line_q == round.lines - 8'd1;
  wire turn_last = turn_q == round.turns - 8'd1;
  assign last_o = line_last && turn_last;
  assign engine_o = (Engines > 1) ? EngineW'(turn_q) : '0;

  fifo #(.Width($bits(round_t)), .Depth(Tokens)) u_rounds (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_round_i), .s_valid_i, .s_ready_o,
      .m_data_o(round), .m_valid_o(valid_o), .m_ready_i(move_i && last_o), .level_o(tokens)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      line_q <= '0;
      turn_q <= '0;
    end else if (move_i) begin
      line_q <= line_last ? '0 : line_q + 8'd1;
      if (line_last) turn_q <= turn_last ? '0 : turn_q + 8'd1;
    end
  end

  wire unused = ^tokens;
  a_move :
  assert property (@(posedge clk_i) disable iff (!rst_ni) move_i |-> valid_o);
endmodule
