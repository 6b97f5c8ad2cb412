// row_synth_issue: takes and judges jobs, and says which entry is computed next.
//
// A job waits in front of the one in use, so jobs follow each other without a gap. A block begins when its codebooks and its
// activations are there, and then runs as long as there are credits: one for every row beat between issue and consumer.
//
// Latency:       a job issues its first entry 2 cycles after it was taken.
// Throughput:    one entry a cycle.
// Back-pressure: s_job_tready depends only on registers.
//
// Parameters: Centroids, MaxShift, BlocksW as in row_synth; Credits  row beats that may be under way
// Ports:
//   first_o, last_o  issue_o of a block's first, last entry
//   rows_busy_o      row beats are under way
module row_synth_issue
  import row_synth_pkg::*;
#(
    parameter int unsigned Centroids = 64,
    parameter int unsigned MaxShift = 15,
    parameter int unsigned BlocksW = 16,
    parameter int unsigned Credits = 12,
    localparam int unsigned IdxW = $clog2(Centroids)
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               clear_i,
    input  logic [BlocksW-1:0] s_job_blocks,
    input  logic [        1:0] s_job_code,
    input  logic [        3:0] s_job_shift,
    input  logic               s_job_tvalid,
    output logic               s_job_tready,
    input  logic               book_ready_i,
    input  logic               act_valid_i,
    input  logic               pop_i,
    output logic               issue_o,
    output logic               first_o,
    output logic               last_o,
    output logic [   IdxW-1:0] entry_o,
    output logic [        1:0] code_o,
    output logic [        3:0] shift_o,
    output logic               busy_o,
    output logic               rows_busy_o,
    output cause_e             cause_o
);
  localparam int unsigned CreditW = $clog2(Credits + 1);

  typedef struct packed {
    logic [BlocksW-1:0] blocks;
    logic [1:0]         code;
    logic [3:0]         shift;
  } job_t;

  job_t next_q, job_q;  // job_q.blocks counts down
  logic next_valid_q, job_valid_q, job_ends_q;  // the block in use is the job's last
  logic [IdxW-1:0] entry_q;
  logic start_q, some_q;  // entry_q is 0; there is a credit
  logic [CreditW-1:0] credits_q;
  cause_e verdict;
  wire [4:0] spare = 5'(MaxShift) - 5'(next_q.shift);  // negative: too far
  wire unused = ^spare[3:0];

  always_comb begin
    if (next_q.code > 2'(IdxW - 4)) verdict = CauseCode;
    else if (next_q.blocks == '0) verdict = CauseBlocks;
    else if (spare[4]) verdict = CauseShift;
    else verdict = CauseNone;
  end

  logic row_end;  // the highest entry of K
  always_comb begin
    row_end = &entry_q[3:0];
    for (int unsigned b = 4; b < IdxW; b++) row_end &= entry_q[b] || 2'(b - 4) >= job_q.code;
  end

  wire job_done = last_o && job_ends_q;
  wire free = !job_valid_q || job_done;
  wire legal = verdict == CauseNone;
  wire move = next_valid_q && legal && free;

  assign s_job_tready = !next_valid_q && cause_o == CauseNone;
  assign issue_o      = job_valid_q && some_q && (!start_q || (book_ready_i && act_valid_i));
  assign first_o      = issue_o && start_q;
  assign last_o       = issue_o && row_end;
  assign entry_o      = entry_q;
  assign code_o       = job_q.code;
  assign shift_o      = job_q.shift;
  assign busy_o       = next_valid_q || job_valid_q;
  assign rows_busy_o  = credits_q != CreditW'(Credits);

  always_ff @(posedge clk_i) begin
    if (s_job_tready) next_q <= '{blocks: s_job_blocks, code: s_job_code, shift: s_job_shift};
    if (move) begin
      job_q      <= next_q;
      job_ends_q <= next_q.blocks == BlocksW'(1);
    end else if (last_o) begin
      job_q.blocks <= job_q.blocks - BlocksW'(1);
      job_ends_q   <= job_q.blocks == BlocksW'(2);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      next_valid_q <= 1'b0;
      job_valid_q  <= 1'b0;
      entry_q      <= '0;
      start_q      <= 1'b1;
      credits_q    <= CreditW'(Credits);
      some_q       <= 1'b1;
      cause_o      <= CauseNone;
    end else begin
      if (s_job_tready) next_valid_q <= s_job_tvalid;
      else if (!legal || free) next_valid_q <= 1'b0;
      if (next_valid_q && !legal) cause_o <= verdict;
      if (free) job_valid_q <= move;
      if (issue_o) begin
        entry_q <= row_end ? '0 : entry_q + IdxW'(1);
        start_q <= row_end;
      end
      if (issue_o && !pop_i) begin
        credits_q <= credits_q - CreditW'(1);
        some_q    <= credits_q != CreditW'(1);
      end else if (pop_i && !issue_o) begin
        credits_q <= credits_q + CreditW'(1);
        some_q    <= 1'b1;
      end
    end
  end

  a_credits :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      credits_q <= CreditW'(Credits) && some_q == (credits_q != '0) && !(pop_i && !rows_busy_o));
  a_start :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) start_q == (entry_q == '0));
endmodule
