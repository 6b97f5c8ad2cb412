// accel_execute: the execution half of the sequencer: begins the operations of the program one after the other, each as soon as its
// station is free. The frame keeps their lines in order, so an operation begins while those before it are still at work.
//
// An operation takes all tokens of a batch at once; but attention token after token: its descriptor begins as often. What linears
// and attention read and what they write are two operations here, which begin one behind the other: see accel_pkg.
//
// An operation is over when its last line is written (or its last logit taken, or the token chosen).
//
// Latency:       4 cycles from s_valid_i to start_o of a free station; 4 cycles from operation to operation, 5 behind one with two halves.
// Back-pressure: an operation waits for its station, and those behind it wait too. End waits for all.
// Errors:        an operation whose lines lie outside the frame, or with none, raises error_o and is not begun; until the reset.
//
// Parameters:
//   Lanes  values of a line
//   Lines  of the frame, of a batch: those of the second lie behind those of the first
//   Tokens of a batch at most
module accel_execute
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Lines = 1024,
    parameter int unsigned Tokens = 1
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  descriptor_t              s_op_i,
    input  logic                     s_batch_i,
    input  logic                     s_valid_i,
    output logic                     s_ready_o,
    input  logic        [TokenPlaceW:0] count_i,       // tokens of the pass, stable during it
    output logic                     error_o,
    output logic                     end_o,            // the pass is over
    // the operations under way, by station
    output logic        [ Stations-1:0] active_o,
    output descriptor_t [ Stations-1:0] op_o,
    output logic        [ Stations-1:0][TokenPlaceW-1:0] place_o,  // of the (first) token, in the pass
    output logic        [ Stations-1:0][TokenPlaceW:0] count_o,  // of tokens
    output logic        [ Stations-1:0] start_o,          // first cycle of active_o
    output logic        [ Stations-1:0][Stations-1:0] before_o,  // [u][v]: v began before u and is not over
    input  logic        [ Stations-1:0] done_i,
    // frame, with start_o
    output span_t                    first_o,
    output span_t                    second_o,
    output span_t                    third_o,
    output logic        [ LineW-1:0] vector_o,
    output span_t                    write_o,
    output tokens_t                  tokens_o,
    // commands of the engines, from start_o on until they are taken
    output logic                     m_rope_valid_o,
    input  logic                     m_rope_ready_i,
    output logic                     m_attention_valid_o,
    input  logic                     m_attention_ready_i,
    output logic                     m_vector_valid_o,
    input  logic                     m_vector_ready_i,
    output logic                     m_sampler_valid_o,
    input  logic                     m_sampler_ready_i
);
  typedef enum logic [1:0] {Take, Size, Check, Start} state_e;
  state_e state_q;
  descriptor_t op_q;
  logic [1:0] written_q;  // the word with the lines that are written, less one
  logic [Stations-1:0] active_q;
  logic second_q;  // the next norm's station
  logic batch_q, feed_q;  // feed_q: the half that reads is next, of an operation with two
  logic [LineW-1:0] product_q, kv_q;  // lines of `count` vectors; of the keys; else 0
  logic attention_q, vector_q, sampler_q;  // commands that are not taken
  logic [TokenPlaceW:0] rope_q;  // one a token
  span_t a, b, c, w;  // without products, which come a cycle later
  span_t [3:0] span_q;  // {w, c, b, a}
  logic [3:0][LineW:0] room_q;  // lines of the frame from its line on; negative: it lies behind the last one
  logic [3:0] outside_q;
  wire op_e now = operation(op_q);
  logic [StationW-1:0] station;
  wire logits = flag(op_q, FlagLogits);  // of a head
  wire [LineW-1:0] heads = LineW'(op_q[5][15:0]);
  wire [LineW-1:0] kv_heads = LineW'(op_q[5][31:16]);
  wire [LineW-1:0] head_lines = lines({16'b0, op_q[6][15:0]}, Lanes);
  wire [LineW-1:0] table_in = lines({16'b0, op_q[12][15:0]}, Lanes);
  wire [LineW-1:0] table_out = lines({16'b0, op_q[13][15:0]}, Lanes);

  logic [TokenPlaceW:0] turn_q;  // tokens that have begun
  wire tokens_t all = tokens_of(op_q, count_i, batch_q, Tokens);
  wire half = feed_q && drains(op_q);
  wire single = now == OpAttention;
  wire more = single && turn_q + (TokenPlaceW + 1)'(1) != all.count;
  wire tokens_t tokens = '{first: all.first + turn_q[TokenPlaceW-1:0], count: single ? (TokenPlaceW + 1)'(1) : all.count};

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
    return '{line: s.line + (batch_q ? LineW'(Lines) : '0), lines: s.lines, on: s.on};
  endfunction
  wire span_t first = sized(span_q[0], product_q);
  wire span_t second = sized(span_q[1], kv_q);
  wire span_t third = sized(span_q[2], kv_q);
  wire span_t write = sized(span_q[3], product_q);

  assign s_ready_o = state_q == Take && !error_o && !(operation(s_op_i) == OpEnd && active_q != '0);
  assign active_o = active_q;
  assign m_rope_valid_o = rope_q != '0;
  assign m_attention_valid_o = attention_q;
  assign m_vector_valid_o = vector_q;
  assign m_sampler_valid_o = sampler_q;
  wire begins = state_q == Start && !active_q[station] && outside_q == '0 && !(single && attention_q);

  always_ff @(posedge clk_i) begin
    if (s_ready_o) begin
      op_q      <= s_op_i;
      batch_q   <= s_batch_i;
      written_q <= written(operation(s_op_i));
    end
    product_q <= (now == OpAttention) ? LineW'(heads * head_lines)
        : (now == OpRmsNorm || now == OpRope) ? LineW'(lines(op_q[3], Lanes) * LineW'(op_q[4])) : '0;
    kv_q      <= (now == OpAttention) ? LineW'(kv_heads * head_lines) : '0;
    span_q    <= {w, c, b, a};
    room_q    <= {room(w.line), room(c.line), room(b.line), room(a.line)};
    station   <= station_of(now, second_q ^ (begins && now == OpRmsNorm), begins ? more && !half : feed_q);
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
    if (begins) begin
      op_o[station]    <= op_q;
      place_o[station] <= tokens.first | batch_place(batch_q, Tokens);
      count_o[station] <= tokens.count;
      tokens_o         <= tokens;
    end
    for (int unsigned u = 0; u < Stations; u++) begin
      start_o[u] <= begins && StationW'(u) == station;
      if (begins && StationW'(u) == station) before_o[u] <= active_q & ~done_i;
      else before_o[u] <= before_o[u] & ~done_i;
    end
    if (!rst_ni) begin
      state_q     <= Take;
      error_o     <= 1'b0;
      end_o       <= 1'b0;
      active_q    <= '0;
      start_o     <= '0;
      before_o    <= '0;
      rope_q      <= '0;
      attention_q <= 1'b0;
      vector_q    <= 1'b0;
      sampler_q   <= 1'b0;
      second_q    <= 1'b0;
      turn_q      <= '0;
      feed_q      <= 1'b0;
    end else begin
      end_o <= s_valid_i && s_ready_o && operation(s_op_i) == OpEnd;
      for (int unsigned u = 0; u < Stations; u++) active_q[u] <= (active_q[u] && !done_i[u]) || (begins && StationW'(u) == station);
      if (m_rope_valid_o && m_rope_ready_i) rope_q <= rope_q - (TokenPlaceW + 1)'(1);
      if (m_attention_ready_i) attention_q <= 1'b0;
      if (m_vector_ready_i) vector_q <= 1'b0;
      if (m_sampler_ready_i) sampler_q <= 1'b0;
      if (begins) begin
        if (now == OpRmsNorm) second_q <= !second_q;
        if (now == OpRope) rope_q <= tokens.count;
        if (now == OpAttention && feed_q) attention_q <= 1'b1;
        if (now == OpLinearTable && feed_q) vector_q <= 1'b1;
        if (now inside {OpLinearSynth, OpGather} && !feed_q && logits) sampler_q <= 1'b1;
      end
      case (state_q)
        Take:
        if (s_valid_i && s_ready_o && operation(s_op_i) != OpEnd) begin
          state_q <= Size;
          feed_q  <= feeds(s_op_i);
        end
        Size: state_q <= Check;
        Check: state_q <= Start;
        default:
        if (outside_q != '0) begin
          error_o <= 1'b1;
          state_q <= Take;
        end else if (begins) begin
          feed_q <= more && !half;
          if (!half) begin
            turn_q <= more ? turn_q + (TokenPlaceW + 1)'(1) : '0;
            if (!more) state_q <= Take;
          end
        end
      endcase
    end
  end

  a_over :
  assert property (@(posedge clk_i) disable iff (!rst_ni) (done_i & ~active_q) == '0);
  a_taken :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      begins |-> !(now == OpRope && m_rope_valid_o) && !(now == OpLinearTable && feed_q && vector_q));
endmodule
