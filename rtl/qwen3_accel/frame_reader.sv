// frame_reader: one reading stream of the frame: asks for its lines one after the other and queues what comes.
//
// Latency:       5 cycles from start_i to the first request, if nothing has to be waited for; a line comes 2 cycles after its
//                request was granted.
// Throughput:    one line a cycle.
// Back-pressure: a line is asked for when it has room in the queue; the request depends on registers only.
//
// Parameters:
//   Lanes   values of a line
//   Order   of the lines, see accel_pkg
//   Tokens  of a batch at most
//   Count   of rests that may be waited for, OrderW bits of their lines: see frame_order
// Ports:
//   first_i, second_i  spans, one after the other; second_i may be off. With start_i, when the spans before are through
//   tokens_i           whose lines of these spans
//   vector_i           lines of a vector: tlast comes with each one's last
//   m_first_o, m_second_o  what is left of the spans
//   s_valid_i          the line that was granted two cycles ago
module frame_reader
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter order_e Order = OneToken,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Count = 6,
    parameter int unsigned OrderW = 10,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 start_i,
    input  span_t                first_i,
    input  span_t                second_i,
    input  tokens_t              tokens_i,
    input  logic  [   LineW-1:0] vector_i,
    output rest_t                m_first_o,
    output rest_t                m_second_o,
    input  rest_t [   Count-1:0] rest_i,
    input  logic  [   Count-1:0] wait_i,
    // memory
    output logic  [   LineW-1:0] m_line_o,
    output logic                 m_request_o,
    input  logic                 m_grant_i,
    input  logic  [LineBits-1:0] s_data_i,
    input  logic                 s_valid_i,
    // stream
    output logic  [LineBits-1:0] m_axis_tdata,
    output logic                 m_axis_tlast,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready
);
  localparam int unsigned Room = 8;
  localparam int unsigned CreditW = $clog2(Room + 1);
  localparam int unsigned Shift = $clog2(Tokens);

  span_t next_q;
  logic [LineW-1:0] next_stop_q;
  tokens_t tokens_q;
  logic [LineW-1:0] after, vector_q, top_q;
  logic [TokenPlaceW-1:0] place;
  logic [CreditW-1:0] credits_q, level;
  logic some_q;  // credits
  logic ok, last1_q, last2_q, room, ends, turn;
  wire pop = m_axis_tvalid && m_axis_tready;
  wire go = m_request_o && m_grant_i;
  wire second = go && ends && next_q.on;  // the second span begins
  assign m_request_o = ok && some_q;
  assign m_second_o = '{
          line: LineW'(next_q.line << Shift),
          first: LineW'(next_q.line << Shift),
          stop: LineW'(next_stop_q << Shift),
          on: next_q.on,
          order: Order,
          place: tokens_q.first & TokenPlaceW'(Tokens - 1)
      };

  frame_walk #(.Order(Order), .Tokens(Tokens)) u_walk (
      .clk_i, .rst_ni, .start_i(start_i || second), .span_i(start_i ? first_i : next_q), .tokens_i(start_i ? tokens_i : tokens_q),
      .step_i(go), .m_line_o, .m_after_o(after), .m_place_o(place), .m_ends_o(ends), .m_turn_o(turn),
      .m_rest_o(m_first_o)
  );
  frame_order #(.Count(Count), .Width(OrderW)) u_order (
      .clk_i, .rst_ni, .start_i(start_i || second || (go && turn)), .line_i(m_line_o), .after_i(after),
      .on_i(m_first_o.on), .ends_i(ends), .step_i(go), .all_i(Order == EveryLine), .place_i(place), .rest_i, .wait_i,
      .ok_o(ok)
  );

  always_ff @(posedge clk_i) begin
    last1_q <= vector_q == '0;
    last2_q <= last1_q;
    if (start_i) begin
      tokens_q    <= tokens_i;
      next_stop_q <= second_i.line + second_i.lines;
    end
    if (!rst_ni) begin
      next_q    <= '0;
      credits_q <= CreditW'(Room);
      some_q    <= 1'b1;
    end else begin
      if (go && !pop) credits_q <= credits_q - CreditW'(1);
      else if (pop && !go) credits_q <= credits_q + CreditW'(1);
      some_q <= pop || (some_q && !(go && credits_q == CreditW'(1)));
      if (start_i) next_q <= second_i;
      else if (second) next_q.on <= 1'b0;
    end
    if (start_i) begin
      vector_q <= vector_i - LineW'(1);
      top_q    <= vector_i - LineW'(1);
    end else if (go) vector_q <= (vector_q == '0) ? top_q : vector_q - LineW'(1);
  end

  fifo #(.Width(LineBits + 1), .Depth(Room)) u_lines (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({last2_q, s_data_i}), .s_valid_i, .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(level)
  );
  wire unused = ^level;
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_valid_i |-> room);
  a_some :
  assert property (@(posedge clk_i) disable iff (!rst_ni) some_q == (credits_q != '0));
  a_through :
  assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> !m_first_o.on && !next_q.on);
endmodule
