// frame_order: whether a stream of the frame may go on to its next line: not before operations that began earlier have done what
// they still have to do with it.
//
// A stream's lines only grow, and so do those of everything that it may wait for; a line that was free stays free. So the answer
// may be late and is never wrong. A stream that begins with the lines of another token says so with start_i.
//
// While its line is not free, that one is compared with the limits; then the line after it is. So nothing is compared
// that depends on whether the stream goes on in this cycle.
//
// Latency:       3 cycles from a new line_i of start_i to ok_o, none from line to line. ok_o only with on_i.
//
// Parameters:
//   Count  of rests that may be waited for
//   Width  bits of a line that the frame has
// Ports:
//   line_i   next line of the stream; after_i: the one after it; on_i: there is one; ends_i: it is the last
//   step_i   it is done; only with ok_o
//   all_i, place_i  whose lines the stream goes through: all tokens' at once, or the token's at place_i
//   start_i  line_i changes with the next edge: a new operation, or another token
//   rest_i   what is left to do of them; wait_i: began earlier than the stream's operation, or are of no account
module frame_order
  import accel_pkg::*;
#(
    parameter int unsigned Count = 6,
    parameter int unsigned Width = 11
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               start_i,
    input  logic  [LineW-1:0]  line_i,
    input  logic  [LineW-1:0]  after_i,
    input  logic               on_i,
    input  logic               ends_i,
    input  logic               step_i,
    input  logic               all_i,
    input  logic  [TokenPlaceW-1:0] place_i,
    input  rest_t [Count-1:0]  rest_i,
    input  logic  [Count-1:0]  wait_i,
    output logic               ok_o
);
  // Lines below the limit are free, as far as rest n is concerned; all of them without one.
  logic [Count-1:0][Width-1:0] limit_q;
  logic [Count-1:0] none_q, free;
  always_comb begin
    for (int unsigned n = 0; n < Count; n++)
      free[n] = none_q[n] || (ok_o ? after_i[Width-1:0] : line_i[Width-1:0]) < limit_q[n];
  end
  wire more = on_i && !(ok_o && ends_i);
  // {none, limit}
  function automatic logic [Width:0] limit(input order_e kind, input logic [TokenPlaceW-1:0] at, input logic [Width-1:0] line,
      input logic [Width-1:0] first);
    case (kind)
      EveryLine:   return {1'b0, line};
      EveryVector: return (all_i || at < place_i) ? {1'b0, first} : {at != place_i, line};
      default:     return {!all_i && at != place_i, line};
    endcase
  endfunction

  always_ff @(posedge clk_i) begin
    for (int unsigned n = 0; n < Count; n++) begin
      {none_q[n], limit_q[n]} <= start_i ? '0
          : limit(rest_i[n].order, rest_i[n].place, rest_i[n].line[Width-1:0], rest_i[n].first[Width-1:0]);
      if (!start_i && !(wait_i[n] && rest_i[n].on && rest_i[n].stop[Width:0] > {1'b0, line_i[Width-1:0]})) none_q[n] <= 1'b1;
    end
    if (!rst_ni) ok_o <= 1'b0;
    else ok_o <= !start_i && ((ok_o && !step_i) || (more && free == '1));
  end

  wire unused = ^{line_i, after_i, rest_i};
  a_step :
  assert property (@(posedge clk_i) disable iff (!rst_ni) step_i |-> ok_o && on_i);
endmodule
