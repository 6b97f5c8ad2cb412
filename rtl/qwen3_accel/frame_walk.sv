// frame_walk: the way of one stream through its lines of the frame.
//
// Latency:       1 cycle from start_i to m_line_o. Throughput: a line a cycle.
//
// Parameters:
//   Order   see order_e
//   Tokens  lines of the frame that a line of the program has, a power of two
// Ports:
//   start_i  a pulse: span_i, of the tokens tokens_i
//   step_i   m_line_o is done
//   m_after_o the line after it, if there is one
//   m_ends_o it is the last line; m_turn_o: the last one of a token, and another one's follow
//   m_rest_o what is left
module frame_walk
  import accel_pkg::*;
#(
    parameter order_e Order = OneToken,
    parameter int unsigned Tokens = 1
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              start_i,
    input  span_t             span_i,
    input  tokens_t           tokens_i,
    input  logic              step_i,
    output logic  [LineW-1:0] m_line_o,
    output logic  [LineW-1:0] m_after_o,
    output logic [TokenPlaceW-1:0] m_place_o,
    output logic              m_ends_o,
    output logic              m_turn_o,
    output rest_t             m_rest_o
);
  localparam int unsigned Shift = $clog2(Tokens);
  if (1 << Shift != Tokens || Tokens > MaxTokens / 2) $error("%m: Tokens is %0d, allowed: 1, 2, 4, 8", Tokens);

  logic [LineW-1:0] line_q, after_q, first_q, stop_q;  // of the frame
  logic [LineW-1:0] next_q;  // where the token behind the present one begins
  logic [LineW-1:0] lines_q, left_q;  // of the program, and those to come of this token
  logic [TokenPlaceW:0] count_q, place_q;  // tokens; those before the present one
  logic [TokenPlaceW-1:0] from_q;
  logic on_q;
  logic token_ends_q;  // the present token is the last one
  logic after_ends_q;  // that of the line after this one is, if a line is of every token in turn
  wire lines_end = left_q == LineW'(1);

  // A frame for one token has no other places; said here, so that synthesis knows.
  wire [TokenPlaceW-1:0] from = tokens_i.first & TokenPlaceW'(Tokens - 1);
  wire [TokenPlaceW:0] count = (Order == OneToken || Tokens == 1) ? (TokenPlaceW + 1)'(1) : tokens_i.count;
  wire one = count == (TokenPlaceW + 1)'(1);
  wire [LineW-1:0] begin_at = LineW'(span_i.line << Shift) | LineW'(from);

  // The state with the line after this one, and the line after that.
  logic [TokenPlaceW:0] place;
  logic [LineW-1:0] left, behind;
  logic ends;  // the token of the line after this one is the last
  always_comb begin
    place  = place_q;
    left   = left_q - LineW'(1);
    ends   = 1'b1;
    behind = after_q + LineW'(Tokens);
    case (Order)
      EveryLine: begin
        place = token_ends_q ? '0 : place_q + (TokenPlaceW + 1)'(1);
        if (!token_ends_q) left = left_q;
        ends   = after_ends_q;
        behind = after_q + (after_ends_q ? LineW'(Tokens + 1) - LineW'(count_q) : LineW'(1));
      end
      EveryVector: begin
        if (lines_end) {place, left} = {place_q + (TokenPlaceW + 1)'(1), lines_q};
        ends = lines_end ? place_q + (TokenPlaceW + 1)'(2) == count_q : token_ends_q;
        if (lines_end ? lines_q == LineW'(1) : left_q == LineW'(2)) behind = next_q + LineW'(lines_end);
      end
      default: ;
    endcase
  end

  assign m_line_o = line_q;
  assign m_after_o = after_q;
  assign m_place_o = from_q + place_q[TokenPlaceW-1:0];
  assign m_turn_o = Order == EveryVector && lines_end && !token_ends_q;
  assign m_ends_o = lines_end && token_ends_q;
  always_comb begin
    m_rest_o = '{line: line_q, first: line_q, stop: stop_q, on: on_q, order: Order, place: m_place_o};
    if (Order == EveryVector && !token_ends_q) m_rest_o.first = first_q;
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      line_q  <= begin_at;
      next_q  <= begin_at + LineW'(1);
      if ((Order == EveryLine && !one) || (Order == EveryVector && span_i.lines == LineW'(1))) after_q <= begin_at + LineW'(1);
      else after_q <= begin_at + LineW'(Tokens);
      token_ends_q <= one;
      after_ends_q <= one || count == (TokenPlaceW + 1)'(2);
      first_q <= begin_at;
      stop_q  <= LineW'((span_i.line + span_i.lines) << Shift);
      lines_q <= span_i.lines;
      left_q  <= span_i.lines;
      from_q  <= from;
      count_q <= count;
      place_q <= '0;
    end else if (step_i) begin
      line_q  <= after_q;
      after_q <= behind;
      if (lines_end) next_q <= next_q + LineW'(1);
      token_ends_q <= ends;
      after_ends_q <= after_ends_q ? count_q == (TokenPlaceW + 1)'(1) : place + (TokenPlaceW + 1)'(2) == count_q;
      place_q <= place;
      left_q  <= left;
    end
    if (!rst_ni) on_q <= 1'b0;
    else if (start_i) on_q <= span_i.on;
    else if (step_i && m_ends_o) on_q <= 1'b0;
  end

  a_on :
  assert property (@(posedge clk_i) disable iff (!rst_ni) step_i |-> on_q);
endmodule
