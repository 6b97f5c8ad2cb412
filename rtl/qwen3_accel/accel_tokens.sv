// accel_tokens: the loop over tokens: the prompt from the present position on, then one token after the other until an end-of-text
// token, the count, or the last position of the cache.
//
// A pass through the program takes chunk_i tokens of the prompt, at most Tokens, or one generated token. Only the prompt's last
// and the generated ones run the operations with LAST.
// The end-of-text token is not given out.
//
// Latency:       5 cycles from the end of a pass to the start of the next, 4 if it is of the prompt.
// Back-pressure: waits for room in the output ring.
//
// Parameters:
//   Tokens  of a pass at most, of all its batches
module accel_tokens
  import accel_pkg::*;
#(
    parameter int unsigned Tokens = 1
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // settings, stable during a run
    input  logic [ PositionW:0]  max_context_i,
    input  logic [         31:0] vocab_i,
    input  logic [         31:0] chunk_i,
    input  logic [         31:0] new_tokens_i,
    input  logic                 stop_at_end_i,
    input  logic [3:0][    31:0] end_token_i,     // bit 31: valid
    input  logic                 seek_i,          // between runs: the position becomes seek_position_i; one that cannot be is refused
    input  logic [         31:0] seek_position_i, // at the start
    input  logic                 start_i,
    input  logic                 abort_i,         // end after the pass under way
    output logic                 run_o,           // a run is under way
    output logic                 done_o,          // a pulse
    output logic [          2:0] ended_by_o,      // accel_regs' ended_e, with done_o
    output logic [          2:0] refused_o,       // a pulse: {token out of range, prompt longer than the cache, prompt empty}
    output logic [PositionW:0]   position_o,      // positions done
    output logic [         31:0] produced_o,
    // prompt
    input  logic [         31:0] prompt_level_i,
    input  logic [         31:0] s_prompt_tdata,
    input  logic                 s_prompt_tvalid,
    output logic                 s_prompt_tready,
    // passes
    output logic                 pass_start_o,
    output pass_t                pass_o,
    input  logic                 pass_end_i,
    input  logic [   TokenW-1:0] s_token_tdata,   // the sampler's
    input  logic                 s_token_tvalid,
    output logic                 s_token_tready,
    // output
    output logic [   TokenW-1:0] m_axis_tdata,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready
);
  typedef enum logic [2:0] {Idle, Fetch, Look, Judge, Pass, Decide, Give, Next} state_e;
  state_e state_q;
  logic [31:0] left_q;  // tokens of the prompt
  logic [31:0] token_q;
  logic have_q, is_end_q, abort_q;
  logic [TokenPlaceW:0] count_q;  // tokens of the pass so far
  logic [TokenPlaceW:0] chunk_q;
  // Comparisons of whole words, all of numbers that are older than the cycle before.
  logic prompt, outside_q, all_q, last_q, full_q, long_q;
  logic [3:0] end_q;
  logic [32:0] wanted_q;
  always_ff @(posedge clk_i) begin
    prompt    <= left_q != '0;
    outside_q <= token_q >= vocab_i;
    all_q     <= produced_o == new_tokens_i;
    last_q    <= produced_o + 32'd1 == new_tokens_i;  // the one that is given next
    full_q    <= position_o == max_context_i;
    wanted_q  <= 33'(prompt_level_i) + 33'(position_o);
    long_q    <= wanted_q > 33'(max_context_i);
    for (int n = 0; n < 4; n++) end_q[n] <= end_token_i[n] == {1'b1, token_q[30:0]};
  end

  assign run_o = state_q != Idle;
  assign s_prompt_tready = state_q == Fetch;
  assign s_token_tready = state_q == Pass && !have_q;
  assign m_axis_tdata = token_q[TokenW-1:0];
  assign m_axis_tvalid = state_q == Give && !is_end_q;

  always_ff @(posedge clk_i) begin
    done_o       <= 1'b0;
    refused_o    <= '0;
    pass_start_o <= 1'b0;
    chunk_q      <= (chunk_i == '0) ? (TokenPlaceW + 1)'(1) : (chunk_i > Tokens) ? (TokenPlaceW + 1)'(Tokens) : chunk_i[TokenPlaceW:0];
    if (s_prompt_tvalid && s_prompt_tready) token_q <= s_prompt_tdata;
    else if (s_token_tvalid && s_token_tready) token_q <= 32'(s_token_tdata);
    if (!rst_ni) begin
      state_q    <= Idle;
      have_q     <= 1'b0;
      position_o <= '0;
      produced_o <= '0;
      ended_by_o <= '0;
      left_q     <= '0;
      pass_o     <= '0;
      count_q    <= '0;
      is_end_q   <= 1'b0;
      abort_q    <= 1'b0;
    end else begin
      abort_q <= state_q != Idle && (abort_q || abort_i);
      case (state_q)
        Idle:
        if (seek_i) position_o <= (seek_position_i[31:PositionW+1] != '0) ? '1 : seek_position_i[PositionW:0];
        else if (start_i) begin
          left_q     <= prompt_level_i;
          produced_o <= '0;
          ended_by_o <= '0;
          count_q    <= '0;
          if (prompt_level_i == '0) refused_o[0] <= 1'b1;
          else if (long_q) refused_o[1] <= 1'b1;
          else state_q <= Fetch;
        end
        Fetch:
        if (s_prompt_tvalid) begin
          left_q  <= left_q - 32'd1;
          state_q <= Look;
        end
        Look: state_q <= Judge;
        Judge:
        if (outside_q) begin
          refused_o[2] <= 1'b1;
          state_q      <= Idle;
        end else begin
          pass_o.token[count_q[TokenPlaceW-1:0]] <= token_q[TokenW-1:0];
          pass_o.count                      <= count_q + (TokenPlaceW + 1)'(1);
          pass_o.position                   <= position_o[PositionW-1:0];
          pass_o.last                       <= !prompt;
          count_q                           <= count_q + (TokenPlaceW + 1)'(1);
          state_q                           <= Fetch;
          if (!prompt || count_q + (TokenPlaceW + 1)'(1) == chunk_q) begin
            count_q      <= '0;
            pass_start_o <= 1'b1;
            have_q       <= 1'b0;
            state_q      <= Pass;
          end
        end
        Pass: begin
          if (s_token_tvalid) have_q <= 1'b1;
          if (pass_end_i) begin
            position_o <= position_o + (PositionW + 1)'(pass_o.count);
            state_q    <= prompt ? Fetch : Decide;
            if (abort_q || abort_i) begin
              ended_by_o <= 3'd4;
              done_o     <= 1'b1;
              state_q    <= Idle;
            end
          end
        end
        Decide: begin
          is_end_q <= stop_at_end_i && end_q != '0;
          state_q  <= Give;
          if (all_q) begin
            ended_by_o <= 3'd1;
            done_o     <= 1'b1;
            state_q    <= Idle;
          end
        end
        Give:
        if (is_end_q) begin
          ended_by_o <= 3'd2;
          done_o     <= 1'b1;
          state_q    <= Idle;
        end else if (m_axis_tready) begin
          produced_o <= produced_o + 32'd1;
          state_q    <= Next;
        end
        default: begin
          state_q <= Judge;
          if (last_q || full_q) begin  // last_q is of the cycle before, and so of the count before
            ended_by_o <= last_q ? 3'd1 : 3'd3;
            done_o     <= 1'b1;
            state_q    <= Idle;
          end
        end
      endcase
    end
  end

  a_prompt :
  assert property (@(posedge clk_i) disable iff (!rst_ni) state_q == Fetch |-> left_q != '0);
endmodule
