// accel_prefetch: the access half of the sequencer. Takes the descriptors of a pass in order, asks for everything they read that
// does not depend on activations, and hands them on to the execution.
//
//   Embed: the ids to `embed`, until their reads are out  RmsNorm: gains      Rope: the positions' rows
//   LinearSynth: pairs, scales, the streams' command     LinearTable: pairs, exponents (SEARCH), scales, the linear's command
//   Search: pairs, factors, the streams' command         Gather: start values, scales, the streams' command
//
// So memory works ahead of the engines by as much as their buffers hold. Reads of the auxiliary port are asked for in the order in
// which they are used, so a beat that waits for its engine never has one in front of it that the engine needs first. Embed goes on to
// the execution with its first row: `embed` takes further ids as rows leave it.
//
// Latency:       2 cycles a descriptor and one for each read and command, 3 for a row; a read comes out 2 cycles later.
// Back-pressure: waits for the port, the linears' command queues and the queue of the execution.
// Operations with LAST are dropped, but for the batch of the last token and with pass_i.last. Errors: an unknown operation, or a co-quantised linear for several tokens, raises
// error_o and stops until the reset.
//
// Parameters:
//   Tokens  of a batch at most
//   Gather  1: Search and Gather are known, LinearTable is not; 0: the other way round
module accel_prefetch
  import accel_pkg::*;
#(
    parameter int unsigned Tokens = 1,
    parameter bit Gather = 1'b0
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [63:0] image_i,
    input  pass_t       pass_i,           // stable during a pass
    output logic        error_o,
    input  step_t       s_step_i,
    input  logic        s_valid_i,
    output logic        s_ready_o,
    output read_t       m_read_o,
    output logic        m_read_valid_o,
    input  logic        m_read_ready_i,
    output logic [TokenW-1:0] m_embed_id_o,
    output logic        m_embed_valid_o,
    input  logic        m_embed_ready_i,
    input  logic        embed_read_i,     // embed's read has been taken
    output logic        m_synth_valid_o,  // of m_step_o
    input  logic        m_synth_ready_i,
    output logic        m_table_valid_o,
    input  logic        m_table_ready_i,
    output logic        [3:0] m_tokens_o,   // of m_step_o
    output step_t       m_step_o,
    output logic        m_valid_o,
    input  logic        m_ready_i
);
  typedef enum logic [3:0] {Take, Row, RowUnit, Read0, Read1, Read2, Command, EmbedRead, Push} state_e;
  state_e state_q;
  step_t step_q;
  wire descriptor_t op_q = step_q.op;
  wire descriptor_t offered = s_step_i.op;
  logic [31:0] row_q;  // bytes of the RoPE table before the position's row
  logic [38:0] row_offset_q;  // of the row in the image
  logic [TokenPlaceW:0] place_q;  // of the token whose row is read
  wire tokens_t tokens = tokens_of(op_q, pass_i.count, step_q.batch, Tokens);
  wire more = place_q + (TokenPlaceW + 1)'(1) != tokens.count;  // tokens behind this one
  wire [TokenPlaceW-1:0] place = (tokens.first + place_q[TokenPlaceW-1:0]) | batch_place(step_q.batch, Tokens);

  wire op_e now = operation(op_q);
  wire covq = Gather ? operation(offered) inside {OpSearch, OpGather} : operation(offered) == OpLinearTable;
  wire known = offered[0][7:4] == '0 && (covq ? pass_i.count == (TokenPlaceW + 1)'(1)
      : operation(offered) inside {OpEmbed, OpRmsNorm, OpRope, OpLinearSynth, OpAttention, OpSwiglu, OpSample, OpEnd});
  wire synth = now inside {OpLinearSynth, OpSearch, OpGather};
  wire rows = now == OpEmbed && more;  // to be asked for behind the first
  wire skip = flag(offered, FlagLast) && !(pass_i.last && s_step_i.batch == (pass_i.count > (TokenPlaceW + 1)'(Tokens)));

  // A read on its way out: its words are chosen, then added to; so the sums begin at registers.
  typedef struct packed {
    logic [38:0] offset;  // in the image
    logic [31:0] bytes;
    logic        whole;   // beats
    aux_e        tag;
  } ask_t;
  ask_t ask, ask_q;
  logic ask_valid_q;
  wire leaves = !m_read_valid_o || m_read_ready_i;
  wire asks = state_q inside {Read0, Read1, Read2};
  wire asked = asks && (!ask_valid_q || leaves);

  function automatic logic [38:0] at(input logic [31:0] units);
    return {1'b0, units, 6'b0};
  endfunction

  always_comb begin
    ask = '{offset: at(op_q[5]), bytes: {op_q[3][29:0], 2'b0}, whole: 1'b0, tag: AuxGain};  // RmsNorm
    case (now)
      OpRope: ask = '{offset: row_offset_q, bytes: {op_q[3][29:0], 2'b0}, whole: 1'b0, tag: AuxRow};
      OpLinearSynth:
      ask = (state_q == Read0)
          ? '{offset: at(op_q[6]), bytes: {14'b0, op_q[10][15:0], 2'b0}, whole: 1'b1, tag: AuxPairs}
          : '{offset: at(op_q[7]), bytes: {op_q[5][29:0], 2'b0}, whole: 1'b1, tag: AuxScale};
      OpSearch:
      ask = (state_q == Read0)
          ? '{offset: at(op_q[6]), bytes: {14'b0, op_q[10][15:0], 2'b0}, whole: 1'b1, tag: AuxPairs}
          : '{offset: at(op_q[7]), bytes: {op_q[4][29:0], 2'b0}, whole: 1'b1, tag: AuxFactor};
      OpGather:
      ask = (state_q == Read1) ? '{offset: at(op_q[6]), bytes: {op_q[5][29:0], 2'b0}, whole: 1'b1, tag: AuxStart}
          : '{offset: at(op_q[7]), bytes: {op_q[5][29:0], 2'b0}, whole: 1'b1, tag: AuxScale};
      OpLinearTable:
      ask = (state_q == Read0)
          ? '{offset: at(op_q[4]), bytes: {14'b0, op_q[12][31:16], 2'b0}, whole: 1'b1, tag: AuxVecPairs}
          : (state_q == Read1) ? '{offset: at(op_q[5]), bytes: {16'b0, op_q[12][31:16]}, whole: 1'b1, tag: AuxVecExp}
          : '{offset: at(op_q[11]), bytes: {14'b0, op_q[13][15:0], 2'b0}, whole: 1'b1, tag: AuxScale};
      default: ;
    endcase
  end

  assign s_ready_o = state_q == Take && !error_o;
  assign m_embed_valid_o = state_q == Command && now == OpEmbed && !ask_valid_q && !m_read_valid_o;  // reads in order
  assign m_synth_valid_o = state_q == Command && synth;
  assign m_table_valid_o = state_q == Command && now == OpLinearTable;
  assign m_valid_o = state_q == Push;
  assign m_step_o = step_q;
  assign m_tokens_o = 4'(tokens.count);  // of a batch: up to 8
  assign m_embed_id_o = pass_i.token[place];

  always_ff @(posedge clk_i) begin
    if (state_q == Take) step_q <= s_step_i;
    if (!ask_valid_q || leaves) ask_q <= ask;
    if (leaves) begin
      m_read_o.addr  <= image_i + 64'(ask_q.offset);
      m_read_o.bytes <= ask_q.bytes + (ask_q.whole ? 32'd31 : 32'd0);
      m_read_o.tag   <= ask_q.tag;
      if (ask_q.whole) m_read_o.bytes[4:0] <= '0;
    end
    row_offset_q <= at(op_q[5]) + 39'(row_q);
    row_q <= 32'(pass_i.position + PositionW'(place)) * {20'b0, op_q[3][9:0], 2'b0};
    if (!rst_ni) begin
      state_q        <= Take;
      error_o        <= 1'b0;
      place_q        <= '0;
      ask_valid_q    <= 1'b0;
      m_read_valid_o <= 1'b0;
    end else begin
      if (!ask_valid_q || leaves) ask_valid_q <= asks;
      if (leaves) m_read_valid_o <= ask_valid_q;
      case (state_q)
        Take:
        if (s_valid_i && s_ready_o) begin
          if (!known) error_o <= 1'b1;
          else if (!skip) begin
            case (operation(offered))
              OpEmbed:       state_q <= Command;
              OpRmsNorm:     state_q <= Read2;
              OpRope:        state_q <= Row;
              OpLinearSynth, OpSearch: state_q <= Read0;
              OpGather:      state_q <= Read1;
              OpLinearTable: state_q <= flag(offered, FlagSearch) ? Read0 : Read2;
              default:       state_q <= Push;
            endcase
          end
        end
        Row: state_q <= RowUnit;  // row_q takes a cycle
        RowUnit: state_q <= Read2;  // and row_offset_q
        Read0: if (asked) state_q <= (now == OpLinearTable) ? Read1 : Read2;
        Read1: if (asked) state_q <= Read2;
        Read2:
        if (asked) begin
          state_q <= (synth || now == OpLinearTable) ? Command : Push;
          if (now == OpRope && more) begin
            state_q <= Row;
            place_q <= place_q + (TokenPlaceW + 1)'(1);
          end
        end
        Command: begin
          if (m_embed_valid_o && m_embed_ready_i) state_q <= EmbedRead;
          if (m_synth_valid_o && m_synth_ready_i) state_q <= Push;
          if (m_table_valid_o && m_table_ready_i) state_q <= Push;
        end
        EmbedRead:
        if (embed_read_i) begin
          state_q <= (place_q == '0) ? Push : more ? Command : Take;
          if (place_q != '0) place_q <= more ? place_q + (TokenPlaceW + 1)'(1) : '0;
        end
        default:
        if (m_ready_i) begin
          state_q <= rows ? Command : Take;
          place_q <= rows ? (TokenPlaceW + 1)'(1) : '0;
        end
      endcase
    end
  end
endmodule
