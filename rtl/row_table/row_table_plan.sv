// row_table_plan: takes a job, judges it, and walks its blocks pass after pass; offers each block once its table has arrived.
//
// Latency:       a job is judged for 2 cycles; a block is offered 2 cycles later if its words are on chip.
// Throughput:    one block every 3 cycles (a block lasts at least 16).
// Back-pressure: none towards the table; s_job_tready only while no job is walked.
//
// Parameters: as in row_table; PtrW as in row_table_ring.
// Ports:      m_block_word_o  first word of the block in the ring; m_block_free_o the last pass: its words are freed after use
module row_table_plan
  import row_table_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned PosW = 16,
    parameter int unsigned PassW = 16,
    parameter int unsigned PtrW = 15
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             clear_i,
    input  logic [ PosW-1:0] s_job_positions,
    input  logic [PassW-1:0] s_job_passes,
    input  logic [      1:0] s_job_k_code,
    input  logic [      1:0] s_job_c_code,
    input  logic             s_job_tvalid,
    output logic             s_job_tready,
    input  logic [   PtrW:0] wr_ptr_i,
    output logic [ PtrW-1:0] m_block_word_o,
    output logic             m_block_free_o,
    output logic [      1:0] m_block_k_code_o,
    output logic [      1:0] m_block_c_code_o,
    output logic             m_block_valid_o,
    input  logic             m_block_ready_i,
    output logic             busy_o,
    output cause_e           cause_o
);
  // Words of a position: C * K / 16 pieces of 16 entries, 2^PerWord of them in a word.
  localparam int unsigned PerWord = (BeatW > 16 * EntryW) ? $clog2(BeatW / (16 * EntryW)) : 0;
  localparam int unsigned LaneB = $clog2(Lanes);
  localparam int unsigned NeedW = PosW + 9;

  typedef enum logic [2:0] {StIdle, StMeasure, StJudge, StDistance, StOffer, StError} state_e;
  state_e state_q;
  cause_e cause_q, verdict;

  logic [PosW-1:0] positions_q, left_q;
  logic [PassW-1:0] passes_q;
  logic [1:0] k_code_q, c_code_q;
  logic [NeedW-1:0] need_q;  // words of the whole table
  logic [PtrW:0] words_q;  // of one block
  logic [PtrW:0] next_q, job_q, word_q;  // where the next job, this job, this block begins
  logic [PtrW:0] there_q;  // words on chip from this block on

  wire [3:0] pos_shift = 4'd4 + 4'(k_code_q) + 4'(c_code_q) - 4'(PerWord);
  wire take_job = s_job_tvalid && s_job_tready;
  wire offered = m_block_valid_o && m_block_ready_i;
  wire pass_done = left_q == PosW'(Lanes);
  wire last_pass = passes_q == PassW'(1);

  always_comb begin
    if (k_code_q > 2'($clog2(Centroids / 16)) || c_code_q > 2'($clog2(ActCentroids / 16))) verdict = CauseCode;
    else if (positions_q == 0 || (positions_q & PosW'(Lanes - 1)) != 0) verdict = CausePositions;
    else if (passes_q == 0) verdict = CausePasses;
    else if (!last_pass && need_q > NeedW'(1 << PtrW)) verdict = CauseCapacity;
    else verdict = CauseNone;
  end

  always_ff @(posedge clk_i) begin
    if (take_job) begin
      positions_q <= s_job_positions;
      left_q      <= s_job_positions;
      passes_q    <= s_job_passes;
      k_code_q    <= s_job_k_code;
      c_code_q    <= s_job_c_code;
    end
    if (state_q == StMeasure) begin
      need_q  <= NeedW'(positions_q) << pos_shift;
      words_q <= (PtrW + 1)'(1) << (pos_shift + 4'(LaneB));
    end
    there_q <= wr_ptr_i - word_q;
    if (offered) begin
      left_q <= pass_done ? positions_q : left_q - PosW'(Lanes);
      if (pass_done) passes_q <= passes_q - PassW'(1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= StIdle;
      cause_q <= CauseNone;
      next_q  <= '0;
      job_q   <= '0;
      word_q  <= '0;
    end else begin
      unique case (state_q)
        StIdle: begin
          job_q  <= next_q;
          word_q <= next_q;
          if (take_job) state_q <= StMeasure;
        end
        StMeasure: state_q <= StJudge;
        StJudge: begin
          state_q <= (verdict == CauseNone) ? StDistance : StError;
          cause_q <= verdict;
        end
        StDistance: state_q <= StOffer;
        StOffer:
        if (offered) begin
          word_q  <= (pass_done && !last_pass) ? job_q : word_q + words_q;
          next_q  <= word_q + words_q;
          state_q <= (pass_done && last_pass) ? StIdle : StDistance;
        end
        default: ;  // StError: only clear_i leads out
      endcase
    end
  end

  assign s_job_tready = state_q == StIdle;
  // there_q only grows while the state is StOffer, so an offer stays.
  assign m_block_valid_o = state_q == StOffer && there_q >= words_q;
  assign m_block_word_o = word_q[PtrW-1:0];
  assign m_block_free_o = last_pass;
  assign m_block_k_code_o = k_code_q;
  assign m_block_c_code_o = c_code_q;
  assign busy_o = state_q != StIdle && state_q != StError;
  assign cause_o = cause_q;

  a_offer_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_block_valid_o && !m_block_ready_i |=> m_block_valid_o && $stable(m_block_word_o));
endmodule
