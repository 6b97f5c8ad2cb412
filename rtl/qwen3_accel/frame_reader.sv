// frame_reader: one reading stream of the frame: asks for its lines one after the other and queues what comes.
//
// Latency:       5 cycles from start_i to the first request, if nothing has to be waited for; a line comes 2 cycles after its
//                request was granted.
// Throughput:    one line a cycle.
// Back-pressure: a line is asked for when it has room in the queue; the request depends on registers only.
//
// Parameters:
//   Lanes  values of a line
//   Count  of rests that may be waited for, see frame_order
// Ports:
//   first_i, second_i  spans, one after the other; second_i may be off. With start_i, when the spans before are through
//   vector_i           lines of a vector: tlast comes with each one's last
//   m_first_o, m_second_o  what is left of the spans
//   s_valid_i          the line that was granted two cycles ago
module frame_reader
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Count = 6,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 start_i,
    input  span_t                first_i,
    input  span_t                second_i,
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

  rest_t now_q, next_q;
  logic [LineW-1:0] vector_q, top_q;
  logic [CreditW-1:0] credits_q, level;
  logic ok, last1_q, last2_q, room;
  wire pop = m_axis_tvalid && m_axis_tready;
  wire go = m_request_o && m_grant_i;
  wire ends = now_q.line + LineW'(1) == now_q.stop;
  assign m_line_o = now_q.line;
  assign m_request_o = now_q.on && ok && credits_q != '0;
  assign m_first_o = now_q;
  assign m_second_o = next_q;

  function automatic rest_t rest(input span_t span);
    return '{line: span.line, stop: span.line + span.lines, on: span.on};
  endfunction

  wire turn = go && ends && next_q.on;  // the second span begins
  frame_order #(.Count(Count)) u_order (
      .clk_i, .rst_ni, .start_i(start_i || turn), .line_i(now_q.line), .step_i(go), .rest_i, .wait_i, .ok_o(ok)
  );

  always_ff @(posedge clk_i) begin
    last1_q <= vector_q == '0;
    last2_q <= last1_q;
    if (!rst_ni) begin
      now_q     <= '0;
      next_q    <= '0;
      credits_q <= CreditW'(Room);
    end else begin
      credits_q <= credits_q - CreditW'(go) + CreditW'(pop);
      if (start_i) begin
        now_q  <= rest(first_i);
        next_q <= rest(second_i);
      end else if (go) begin
        now_q.line <= now_q.line + LineW'(1);
        now_q.on   <= !ends;
        if (turn) begin
          now_q     <= next_q;
          next_q.on <= 1'b0;
        end
      end
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
  a_through :
  assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> !now_q.on && !next_q.on);
endmodule
