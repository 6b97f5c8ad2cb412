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
//   m_next_o m_line_o with the next edge
//   m_ends_o it is the last line; m_turn_o: the last one of a token, and another one's follow
//   m_rest_o what is left: `line` is the first line of those that are still to come
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
    output logic  [LineW-1:0] m_next_o,
    output logic [TokenPlaceW-1:0] m_place_o,
    output logic              m_ends_o,
    output logic              m_turn_o,
    output rest_t             m_rest_o
);
  localparam int unsigned Shift = $clog2(Tokens);
  if (1 << Shift != Tokens || Tokens > MaxTokens) $error("%m: Tokens is %0d, allowed: 1, 2, 4, 8", Tokens);

  logic [LineW-1:0] line_q, first_q, stop_q, lines_q, left_q;  // of the frame; of the program, and those to come of this token
  logic [TokenPlaceW:0] count_q, place_q;  // tokens; those before the present one
  logic [TokenPlaceW-1:0] from_q;
  logic on_q;
  wire token_ends = place_q + (TokenPlaceW + 1)'(1) == count_q;
  wire lines_end = left_q == LineW'(1);
  wire [LineW-1:0] back = LineW'(count_q) - LineW'(1);  // from the last token's line to the first one's

  assign m_line_o = line_q;
  assign m_place_o = from_q + place_q[TokenPlaceW-1:0];
  assign m_turn_o = Order == EveryVector && lines_end && !token_ends;
  assign m_ends_o = lines_end && (Order == OneToken || token_ends);
  always_comb begin
    m_next_o = line_q;
    if (step_i) begin
      case (Order)
        EveryLine:   m_next_o = token_ends ? line_q + LineW'(Tokens) - back : line_q + LineW'(1);
        EveryVector: m_next_o = lines_end ? first_q + LineW'(place_q) + LineW'(1) : line_q + LineW'(Tokens);
        default:     m_next_o = line_q + LineW'(Tokens);
      endcase
    end
    m_rest_o = '{line: line_q, stop: stop_q, on: on_q, all: Order != OneToken, place: from_q};
    if (Order == EveryVector && !token_ends) m_rest_o.line = first_q;
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      line_q  <= LineW'(span_i.line << Shift) + LineW'(tokens_i.first);
      first_q <= LineW'(span_i.line << Shift) + LineW'(tokens_i.first);
      stop_q  <= LineW'((span_i.line + span_i.lines - LineW'(1)) << Shift) + LineW'(tokens_i.first) + LineW'(tokens_i.count);
      lines_q <= span_i.lines;
      left_q  <= span_i.lines;
      from_q  <= tokens_i.first;
      count_q <= (Order == OneToken) ? (TokenPlaceW + 1)'(1) : tokens_i.count;
      place_q <= '0;
    end else if (step_i) begin
      line_q <= m_next_o;
      case (Order)
        EveryLine: begin
          place_q <= token_ends ? '0 : place_q + (TokenPlaceW + 1)'(1);
          if (token_ends) left_q <= left_q - LineW'(1);
        end
        EveryVector: begin
          left_q <= lines_end ? lines_q : left_q - LineW'(1);
          if (lines_end) place_q <= place_q + (TokenPlaceW + 1)'(1);
        end
        default: left_q <= left_q - LineW'(1);
      endcase
    end
    if (!rst_ni) on_q <= 1'b0;
    else if (start_i) on_q <= span_i.on;
    else if (step_i && m_ends_o) on_q <= 1'b0;
  end

  a_on :
  assert property (@(posedge clk_i) disable iff (!rst_ni) step_i |-> on_q);
endmodule
