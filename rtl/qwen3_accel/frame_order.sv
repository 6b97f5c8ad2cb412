// frame_order: whether a stream of the frame may go on to its next line: not before operations that began earlier have done what
// they still have to do with it.
//
// A stream's lines only grow, and so do those of everything that it may wait for; a line that was free stays free. So the answer
// may be late and is never wrong. A stream that begins with the lines of another token says so with start_i.
//
// Latency:       3 cycles from a new line_i of start_i to ok_o, none from line to line.
//
// Parameters:
//   Count  of rests that may be waited for
// Ports:
//   line_i   next line of the stream; next_i: and with the next edge
//   all_i, place_i  whose lines the stream goes through, as in rest_t
//   start_i  line_i changes with the next edge: a new operation
//   rest_i   what is left to do of them; wait_i: began earlier than the stream's operation, or are of no account
module frame_order
  import accel_pkg::*;
#(
    parameter int unsigned Count = 6
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               start_i,
    input  logic  [LineW-1:0]  line_i,
    input  logic  [LineW-1:0]  next_i,
    input  logic               all_i,
    input  logic  [TokenPlaceW-1:0] place_i,
    input  rest_t [Count-1:0]  rest_i,
    input  logic  [Count-1:0]  wait_i,
    output logic               ok_o
);
  // Lines below the limit are free, as far as rest n is concerned.
  logic [Count-1:0][LineW-1:0] limit_q;
  logic [Count-1:0] free;
  always_comb begin
    for (int unsigned n = 0; n < Count; n++) free[n] = next_i < limit_q[n];
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned n = 0; n < Count; n++)
      limit_q[n] <= start_i ? '0 : (wait_i[n] && rest_i[n].on && rest_i[n].stop > line_i
          && (all_i || rest_i[n].all || rest_i[n].place == place_i)) ? rest_i[n].line : '1;
    if (!rst_ni) ok_o <= 1'b0;
    else ok_o <= free == '1 && !start_i;
  end
endmodule
