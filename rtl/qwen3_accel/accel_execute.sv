// accel_execute: the execution half of the sequencer: begins the operations of the program one after the other, each as soon as its
// station is free. The frame keeps their lines in order, so an operation begins while those before it are still at work.
//
// Linears take all tokens of the pass at once, all others token after token: the same descriptor begins as often.
//
// An operation is over when its last line is written (or its last logit taken, or the token chosen).
//
// Latency:       4 cycles from s_valid_i to start_o of a free station; 4 cycles from operation to operation.
// Back-pressure: an operation waits for its station, and those behind it wait too. End waits for all.
// Errors:        an operation whose lines lie outside the frame, or with none, raises error_o and is not begun; until the reset.
//
// Parameters:
//   Lanes  values of a line
//   Lines  of the frame
module accel_execute
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Lines = 1024
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  descriptor_t              s_op_i,
    input  logic                     s_valid_i,
    output logic                     s_ready_o,
    input  logic        [TokenPlaceW:0] count_i,       // tokens of the pass, stable during it
    output logic                     error_o,
    output logic                     end_o,            // the pass is over
    // the operations under way, by station
    output logic        [ Stations-1:0] active_o,
    output descriptor_t [ Stations-1:0] op_o,
    output logic        [ Stations-1:0][TokenPlaceW-1:0] place_o,  // of the (first) token
    output logic        [ Stations-1:0] again_o,          // the descriptor of the operation before, for another token
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
  logic [Stations-1:0] active_q;
  logic second_q;  // the next norm's station
  logic [LineW-1:0] product_q, kv_q;  // lines of `count` vectors; of the keys
  logic rope_q, attention_q, vector_q, sampler_q;  // commands that are not taken
  span_t a, b, c, w;
  wire op_e now = operation(op_q);
  wire station_e station = station_of(now, second_q);
  wire logits = flag(op_q, FlagLogits);  // of a head
  wire [LineW-1:0] heads = LineW'(op_q[5][15:0]);
  wire [LineW-1:0] kv_heads = LineW'(op_q[5][31:16]);
  wire [LineW-1:0] head_lines = lines({16'b0, op_q[6][15:0]}, Lanes);
  wire [LineW-1:0] table_in = lines({16'b0, op_q[12][15:0]}, Lanes);
  wire [LineW-1:0] table_out = lines({16'b0, op_q[13][15:0]}, Lanes);

  logic [TokenPlaceW:0] turn_q;  // tokens that have begun
  wire tokens_t all = tokens_of(op_q, count_i);
  wire linear = station == Linear;
  wire more = !linear && turn_q + (TokenPlaceW + 1)'(1) != all.count;
  wire tokens_t tokens = '{first: all.first + turn_q[TokenPlaceW-1:0], count: linear ? all.count : (TokenPlaceW + 1)'(1)};

  function automatic span_t span(input logic [31:0] word, input logic [LineW-1:0] count);
    return '{line: lines(word, Lanes), lines: count, on: 1'b1};
  endfunction

  always_comb begin
    a = '0;
    b = '0;
    c = '0;
    w = '0;
    case (now)
      OpEmbed: w = span(op_q[1], lines(op_q[2], Lanes));
      OpRmsNorm, OpRope: begin
        a = span(op_q[1], product_q);
        w = span(op_q[2], product_q);
      end
      OpLinearSynth: begin
        a = span(op_q[1], lines(op_q[4], Lanes));
        if (flag(op_q, FlagResidual)) b = span(op_q[3], lines(op_q[5], Lanes));
        if (!logits) w = span(op_q[2], lines(op_q[5], Lanes));
      end
      OpSearch: a = span(op_q[1], lines(op_q[4], Lanes));
      OpGather: begin
        if (flag(op_q, FlagResidual)) b = span(op_q[3], lines(op_q[5], Lanes));
        if (!logits) w = span(op_q[2], lines(op_q[5], Lanes));
      end
      OpLinearTable: begin
        if (flag(op_q, FlagSearch)) a = span(op_q[1], table_in);
        if (flag(op_q, FlagResidual)) b = span(op_q[3], table_out);
        w = span(op_q[2], table_out);
      end
      OpAttention: begin
        a = span(op_q[1], product_q);
        b = span(op_q[2], kv_q);
        c = span(op_q[3], kv_q);
        w = span(op_q[4], product_q);
      end
      OpSwiglu: begin
        a = span(op_q[1], lines(op_q[4], Lanes));
        b = span(op_q[2], lines(op_q[4], Lanes));
        w = span(op_q[3], lines(op_q[4], Lanes));
      end
      default: ;
    endcase
  end

  function automatic logic outside(input span_t s);
    return s.on && (s.lines == '0 || (LineW + 1)'(s.line) + (LineW + 1)'(s.lines) > (LineW + 1)'(Lines));
  endfunction

  assign s_ready_o = state_q == Take && !error_o && !(operation(s_op_i) == OpEnd && active_q != '0);
  assign active_o = active_q;
  assign m_rope_valid_o = rope_q;
  assign m_attention_valid_o = attention_q;
  assign m_vector_valid_o = vector_q;
  assign m_sampler_valid_o = sampler_q;
  wire begins = state_q == Start && !active_q[station];

  always_ff @(posedge clk_i) begin
    if (s_ready_o) op_q <= s_op_i;
    product_q <= (now == OpAttention) ? LineW'(heads * head_lines) : LineW'(lines(op_q[3], Lanes) * LineW'(op_q[4]));
    kv_q      <= LineW'(kv_heads * head_lines);
    if (state_q == Check) begin
      first_o  <= a;
      second_o <= b;
      third_o  <= c;
      write_o  <= w;
      vector_o <= (now == OpRmsNorm || now == OpRope) ? lines(op_q[3], Lanes) : a.lines;
    end
    if (begins) begin
      op_o[station]    <= op_q;
      place_o[station] <= tokens.first;
      again_o[station] <= turn_q != '0;
      tokens_o         <= tokens;
    end
    for (int unsigned u = 0; u < Stations; u++) begin
      start_o[u] <= begins && 3'(u) == station;
      if (begins && 3'(u) == station) before_o[u] <= active_q & ~done_i;
      else before_o[u] <= before_o[u] & ~done_i;
    end
    if (!rst_ni) begin
      state_q     <= Take;
      error_o     <= 1'b0;
      end_o       <= 1'b0;
      active_q    <= '0;
      start_o     <= '0;
      before_o    <= '0;
      rope_q      <= 1'b0;
      attention_q <= 1'b0;
      vector_q    <= 1'b0;
      sampler_q   <= 1'b0;
      second_q    <= 1'b0;
      turn_q      <= '0;
    end else begin
      end_o <= s_valid_i && s_ready_o && operation(s_op_i) == OpEnd;
      for (int unsigned u = 0; u < Stations; u++) active_q[u] <= (active_q[u] && !done_i[u]) || (begins && 3'(u) == station);
      if (m_rope_ready_i) rope_q <= 1'b0;
      if (m_attention_ready_i) attention_q <= 1'b0;
      if (m_vector_ready_i) vector_q <= 1'b0;
      if (m_sampler_ready_i) sampler_q <= 1'b0;
      if (begins) begin
        if (now == OpRmsNorm) second_q <= !second_q;
        if (now == OpRope) rope_q <= 1'b1;
        if (now == OpAttention) attention_q <= 1'b1;
        if (now == OpLinearTable && flag(op_q, FlagSearch)) vector_q <= 1'b1;
        if (now inside {OpLinearSynth, OpGather} && logits) sampler_q <= 1'b1;
      end
      case (state_q)
        Take: if (s_valid_i && s_ready_o && operation(s_op_i) != OpEnd) state_q <= Size;
        Size: state_q <= Check;
        Check:
        if (outside(a) || outside(b) || outside(c) || outside(w)) begin
          error_o <= 1'b1;
          state_q <= Take;
        end else state_q <= Start;
        default:
        if (begins) begin
          turn_q <= more ? turn_q + (TokenPlaceW + 1)'(1) : '0;
          if (!more) state_q <= Take;
        end
      endcase
    end
  end

  a_over :
  assert property (@(posedge clk_i) disable iff (!rst_ni) (done_i & ~active_q) == '0);
  a_taken :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      begins |-> !(now == OpRope && rope_q) && !(now == OpAttention && attention_q) && !(now == OpLinearTable && vector_q));
endmodule
