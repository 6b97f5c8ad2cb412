// accel_prepare: takes the operations of a batch one after the other and finds what each needs to begin: its lines of the frame, the
// tokens, the station. accel_execute says when it begins.
//
// An operation takes all tokens of a batch at once; but attention token after token. What linears and attention read and what they
// write begins apart: see accel_pkg. So an operation may begin several times: go_i each time.
//
// Latency:       3 cycles from s_valid_i to want_o; the next beginning of the same operation can follow in the cycle after go_i.
// Back-pressure: s_ready_o depends on registers only; it says, too, that nothing is here.
// Errors:        bad_o in place of want_o: lines outside the frame, or none. Nothing more is taken.
//
// Parameters:
//   Lanes, Lines, Tokens  as in accel_execute
//   Batch                 0: lines of the first batch; 1: of the second, behind them
module accel_prepare
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Lines = 1024,
    parameter int unsigned Tokens = 1,
    parameter bit Batch = 1'b0
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  step_t                     s_step_i,
    input  logic                      s_valid_i,
    output logic                      s_ready_o,
    input  logic      [TokenPlaceW:0] count_i,    // tokens of the pass, stable during it
    input  logic                      second_i,   // the next norm is the second station's
    input  logic                      go_i,       // it begins
    output logic                      want_o,
    output logic                      bad_o,
    output logic      [ StationW-1:0] station_o,
    output step_t                     m_step_o,
    output logic                      feed_o,     // it is the half that reads
    output logic                      final_o,    // this half does not begin again
    output tokens_t                   tokens_o,
    output span_t                     first_o,
    output span_t                     second_o,
    output span_t                     third_o,
    output span_t                     write_o,
    output logic      [    LineW-1:0] vector_o
);
  typedef enum logic [1:0] {Take, Size, Check, Start} state_e;
  state_e state_q;
  step_t step_q;
  wire descriptor_t op_q = step_q.op;
  logic feed_q;
  logic [1:0] written_q;  // the word with the lines that are written, less one
  logic [LineW-1:0] product_q, kv_q;  // lines of `count` vectors; of the keys; else 0
  span_t a, b, c, w;  // without products, which come a cycle later
  span_t [3:0] span_q;  // {w, c, b, a}
  logic [3:0][LineW:0] room_q;  // lines of the frame from its line on; negative: it lies behind the last one
  logic [3:0] outside_q;
  wire op_e now = operation(op_q);
  wire logits = flag(op_q, FlagLogits);  // of a head
  wire [LineW-1:0] heads = LineW'(op_q[5][15:0]);
  wire [LineW-1:0] kv_heads = LineW'(op_q[5][31:16]);
  wire [LineW-1:0] head_lines = lines({16'b0, op_q[6][15:0]}, Lanes);
  wire [LineW-1:0] table_in = lines({16'b0, op_q[12][15:0]}, Lanes);
  wire [LineW-1:0] table_out = lines({16'b0, op_q[13][15:0]}, Lanes);

  logic [TokenPlaceW:0] turn_q;  // tokens that have begun
  wire tokens_t all = tokens_of(op_q, count_i, Batch, Tokens);
  wire half = feed_q && drains(op_q);
  wire single = now == OpAttention;
  wire more = single && turn_q + (TokenPlaceW + 1)'(1) != all.count;
  assign tokens_o = '{first: all.first + turn_q[TokenPlaceW-1:0], count: single ? (TokenPlaceW + 1)'(1) : all.count};
  assign m_step_o = step_q;
  assign feed_o = feed_q;
  assign final_o = !more;

  function automatic span_t span(input logic [31:0] word, input logic [LineW-1:0] count);
    return '{line: lines(word, Lanes), lines: count, on: 1'b1};
  endfunction
  wire [31:0] target = op_q[4'd1+4'(written_q)];  // where the written lines begin, by the word that a register names

  always_comb begin
    a = '0;
    b = '0;
    c = '0;
    w = '0;
    case (now)
      OpEmbed: w = span(target, lines(op_q[2], Lanes));
      OpRmsNorm, OpRope: begin
        a = span(op_q[1], '0);
        w = span(target, '0);
      end
      OpLinearSynth: begin
        a = span(op_q[1], lines(op_q[4], Lanes));
        if (flag(op_q, FlagResidual)) b = span(op_q[3], lines(op_q[5], Lanes));
        if (!logits) w = span(target, lines(op_q[5], Lanes));
      end
      OpSearch: a = span(op_q[1], lines(op_q[4], Lanes));
      OpGather: begin
        if (flag(op_q, FlagResidual)) b = span(op_q[3], lines(op_q[5], Lanes));
        if (!logits) w = span(target, lines(op_q[5], Lanes));
      end
      OpLinearTable: begin
        if (flag(op_q, FlagSearch)) a = span(op_q[1], table_in);
        if (flag(op_q, FlagResidual)) b = span(op_q[3], table_out);
        w = span(target, table_out);
      end
      OpAttention: begin
        a = span(op_q[1], '0);
        b = span(op_q[2], '0);
        c = span(op_q[3], '0);
        w = span(target, '0);
      end
      OpSwiglu: begin
        a = span(op_q[1], lines(op_q[4], Lanes));
        b = span(op_q[2], lines(op_q[4], Lanes));
        w = span(target, lines(op_q[4], Lanes));
      end
      default: ;
    endcase
  end

  function automatic logic [1:0] written(input op_e op);
    case (op)
      OpEmbed:     return 2'd0;
      OpSwiglu:    return 2'd2;
      OpAttention: return 2'd3;
      default:     return 2'd1;
    endcase
  endfunction
  function automatic logic [LineW:0] room(input logic [LineW-1:0] line);
    return (LineW + 1)'(Lines) - (LineW + 1)'(line);
  endfunction
  function automatic span_t sized(input span_t s, input logic [LineW-1:0] product);
    return '{line: s.line, lines: s.lines | product, on: s.on};
  endfunction
  function automatic logic outside(input logic on, input logic [LineW-1:0] count, input logic [LineW:0] left);
    return on && (count == '0 || left[LineW] || count > left[LineW-1:0]);
  endfunction
  function automatic span_t placed(input span_t s);
    return '{line: s.line + (Batch ? LineW'(Lines) : '0), lines: s.lines, on: s.on};
  endfunction
  wire span_t first = sized(span_q[0], product_q);
  wire span_t second = sized(span_q[1], kv_q);
  wire span_t third = sized(span_q[2], kv_q);
  wire span_t write = sized(span_q[3], product_q);

  assign s_ready_o = state_q == Take;
  assign want_o = state_q == Start && outside_q == '0;
  assign bad_o = state_q == Start && outside_q != '0;

  always_ff @(posedge clk_i) begin
    if (s_ready_o) begin
      step_q    <= s_step_i;
      written_q <= written(operation(s_step_i.op));
    end
    product_q <= (now == OpAttention) ? LineW'(heads * head_lines)
        : (now == OpRmsNorm || now == OpRope) ? LineW'(lines(op_q[3], Lanes) * LineW'(op_q[4])) : '0;
    kv_q      <= (now == OpAttention) ? LineW'(kv_heads * head_lines) : '0;
    span_q    <= {w, c, b, a};
    room_q    <= {room(w.line), room(c.line), room(b.line), room(a.line)};
    station_o <= station_of(now, second_i, go_i ? more && !half : feed_q);
    if (state_q == Check) begin
      first_o   <= placed(first);
      second_o  <= placed(second);
      third_o   <= placed(third);
      write_o   <= placed(write);
      vector_o  <= (now == OpRmsNorm || now == OpRope) ? lines(op_q[3], Lanes) : first.lines;
      outside_q <= {
        outside(write.on, write.lines, room_q[3]), outside(third.on, third.lines, room_q[2]),
        outside(second.on, second.lines, room_q[1]), outside(first.on, first.lines, room_q[0])
      };
    end
    if (!rst_ni) begin
      state_q <= Take;
      turn_q  <= '0;
      feed_q  <= 1'b0;
    end else begin
      case (state_q)
        Take:
        if (s_valid_i) begin
          state_q <= Size;
          feed_q  <= feeds(s_step_i.op);
        end
        Size:  state_q <= Check;
        Check: state_q <= Start;
        default:
        if (go_i) begin
          feed_q <= more && !half;
          if (!half) begin
            turn_q <= more ? turn_q + (TokenPlaceW + 1)'(1) : '0;
            if (!more) state_q <= Take;
          end
        end
      endcase
    end
  end

  a_go :
  assert property (@(posedge clk_i) disable iff (!rst_ni) go_i |-> want_o);
endmodule
