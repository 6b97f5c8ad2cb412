// accel_execute: the execution half of the sequencer: runs one operation of the program after the other over the frame.
//
// For each: the reading streams and the writing one get their lines, the engine its command; the operation is over when its last
// line is written (or its last logit taken, or the token chosen). unit_o steers the streams between frame and engines.
//
// Latency:       3 cycles from m_ready to the commands; the next operation is taken 2 cycles after the last line.
// Back-pressure: one operation at a time.
// Errors:        an operation whose lines lie outside the frame, or with none, raises error_o and is not begun; until the reset.
//
// Parameters:
//   Lines  of the frame
module accel_execute
  import accel_pkg::*;
#(
    parameter int unsigned Lines = 1024
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  descriptor_t           s_op_i,
    input  logic                  s_valid_i,
    output logic                  s_ready_o,
    output logic                  error_o,
    output logic                  end_o,            // the pass is over
    // the operation under way
    output op_e                   unit_o,           // OpNone between operations
    output descriptor_t           op_o,
    output logic                  start_o,          // its first cycle
    // frame
    output logic [1:0][LineW-1:0] m_read_line_o,
    output logic [1:0][LineW-1:0] m_read_lines_o,
    output logic [1:0][LineW-1:0] m_read_vector_o,
    output logic [1:0]            m_read_valid_o,
    input  logic [1:0]            m_read_ready_i,
    output logic      [LineW-1:0] m_write_line_o,
    output logic      [LineW-1:0] m_write_lines_o,
    output logic                  m_write_valid_o,
    input  logic                  write_done_i,
    // engines
    output logic                  m_rope_valid_o,
    input  logic                  m_rope_ready_i,
    output logic                  m_attention_valid_o,
    input  logic                  m_attention_ready_i,
    output logic                  m_vector_valid_o,
    input  logic                  m_vector_ready_i,
    output logic                  m_sampler_valid_o,
    input  logic                  m_sampler_ready_i,
    input  logic                  logits_done_i,    // the last logit of a linear with LOGITS has been taken
    input  logic                  token_done_i      // the sampler's token has been taken
);
  typedef enum logic [2:0] {Take, Size, Check, Start, Run} state_e;
  state_e state_q;
  descriptor_t op_q;

  // What an operation moves: in lines of the frame.
  typedef struct packed {
    logic [LineW-1:0] line;
    logic [LineW-1:0] lines;
    logic             on;
  } span_t;
  span_t a_q, b_q, c_q, w_q;  // first and second reading stream, the second's next, the writing one
  span_t a, b, c, w;
  logic [LineW-1:0] product_q;  // lines of `count` vectors
  logic [1:0] read_left_q;
  logic b_next_q, command_q;

  wire op_e now = operation(op_q);
  wire logits = flag(op_q, FlagLogits);  // of LinearSynth only: a head is wvq
  wire [LineW-1:0] heads = LineW'(op_q[5][15:0]);
  wire [LineW-1:0] kv_heads = LineW'(op_q[5][31:16]);
  wire [LineW-1:0] head_lines = lines({16'b0, op_q[6][15:0]});
  wire [LineW-1:0] table_in = lines({16'b0, op_q[12][15:0]});
  wire [LineW-1:0] table_out = lines({16'b0, op_q[13][15:0]});
  logic [LineW-1:0] kv_q;

  function automatic span_t span(input logic [31:0] word, input logic [LineW-1:0] count);
    return '{line: lines(word), lines: count, on: 1'b1};
  endfunction

  always_comb begin
    a = '0;
    b = '0;
    c = '0;
    w = '0;
    case (now)
      OpEmbed: w = span(op_q[1], lines(op_q[2]));
      OpRmsNorm, OpRope: begin
        a = span(op_q[1], product_q);
        w = span(op_q[2], product_q);
      end
      OpLinearSynth: begin
        a = span(op_q[1], lines(op_q[4]));
        if (flag(op_q, FlagResidual)) b = span(op_q[3], lines(op_q[5]));
        if (!logits) w = span(op_q[2], lines(op_q[5]));
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
        a = span(op_q[1], lines(op_q[4]));
        b = span(op_q[2], lines(op_q[4]));
        w = span(op_q[3], lines(op_q[4]));
      end
      default: ;
    endcase
  end

  function automatic logic outside(input span_t s);
    return s.on && (s.lines == '0 || (LineW + 1)'(s.line) + (LineW + 1)'(s.lines) > (LineW + 1)'(Lines));
  endfunction

  wire finished = (now == OpSample) ? token_done_i : logits ? logits_done_i : write_done_i;
  assign s_ready_o = state_q == Take && !error_o;
  assign op_o = op_q;
  assign unit_o = (state_q inside {Start, Run}) ? now : OpNone;
  assign start_o = state_q == Start;
  assign m_read_line_o = '{b_q.line, a_q.line};
  assign m_read_lines_o = '{b_q.lines, a_q.lines};
  assign m_read_vector_o = '{b_q.lines, (now == OpRmsNorm || now == OpRope) ? lines(op_q[3]) : a_q.lines};
  assign m_read_valid_o = read_left_q;
  assign m_write_line_o = w_q.line;
  assign m_write_lines_o = w_q.lines;
  assign m_write_valid_o = state_q == Start && w_q.on;
  assign m_rope_valid_o = command_q && now == OpRope;
  assign m_attention_valid_o = command_q && now == OpAttention;
  assign m_vector_valid_o = command_q && now == OpLinearTable;
  assign m_sampler_valid_o = command_q && now == OpLinearSynth;  // with logits
  wire commanded = (m_rope_valid_o && m_rope_ready_i) || (m_attention_valid_o && m_attention_ready_i)
      || (m_vector_valid_o && m_vector_ready_i) || (m_sampler_valid_o && m_sampler_ready_i);

  always_ff @(posedge clk_i) begin
    if (s_ready_o) op_q <= s_op_i;
    product_q <= (now == OpAttention) ? LineW'(heads * head_lines) : LineW'(lines(op_q[3]) * LineW'(op_q[4]));
    kv_q      <= LineW'(kv_heads * head_lines);
    if (state_q == Check) begin
      a_q <= a;
      b_q <= b;
      c_q <= c;
      w_q <= w;
    end else if (b_next_q && m_read_valid_o[1] && m_read_ready_i[1]) b_q <= c_q;
    if (!rst_ni) begin
      state_q     <= Take;
      error_o     <= 1'b0;
      end_o       <= 1'b0;
      read_left_q <= '0;
      b_next_q    <= 1'b0;
      command_q   <= 1'b0;
    end else begin
      end_o <= 1'b0;
      if (m_read_ready_i[0]) read_left_q[0] <= 1'b0;
      if (m_read_ready_i[1]) begin
        read_left_q[1] <= read_left_q[1] && b_next_q;
        if (read_left_q[1]) b_next_q <= 1'b0;
      end
      if (commanded) command_q <= 1'b0;
      case (state_q)
        Take:
        if (s_valid_i && s_ready_o) begin
          if (operation(s_op_i) == OpEnd) end_o <= 1'b1;
          else state_q <= Size;
        end
        Size:  state_q <= Check;
        Check:
        if (outside(a) || outside(b) || outside(c) || outside(w)) begin
          error_o <= 1'b1;
          state_q <= Take;
        end else state_q <= Start;
        Start: begin
          state_q     <= Run;
          read_left_q <= {b_q.on, a_q.on};
          b_next_q    <= c_q.on;
          command_q   <= now == OpRope || now == OpAttention || (now == OpLinearTable && flag(op_q, FlagSearch)) || (now == OpLinearSynth && logits);
        end
        default: if (finished) state_q <= Take;
      endcase
    end
  end
endmodule
