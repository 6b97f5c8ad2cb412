// row_gather_addr: takes a job, judges it, and turns each centroid index into the read of one position's rows.
//
//   fetch(p) = base + (p * C + cidx[p]) * row_stride + offset     bytes; C = 16 << c_code
//   addr = fetch rounded down to a beat, bytes = up to the end of the beat that holds the last row
//
// Positions run in order, so their part of the address is a running sum; row_gather_reads adds the centroid's.
//
// Latency:       4 cycles from s_axis_cidx to m_desc (row_gather_reads); a job is judged for 4 cycles first.
// Throughput:    one read a cycle.
// Back-pressure: a stalled m_desc stops the pipeline; s_axis_cidx_tready follows combinationally (row_gather spills it).
//
// Parameters: as in row_gather.
// Ports:      m_plan_*  what the serialiser must know of the job, offered before the job's first read
module row_gather_addr
  import row_gather_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned LaneBeats = 2,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned StrideW = 16,
    parameter int unsigned PosW = 16,
    parameter int unsigned RowsW = 8,
    localparam int unsigned CidxW = $clog2(ActCentroids),
    localparam int unsigned StartW = $clog2(BeatW / EntryW)
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               clear_i,
    input  logic [  AddrW-1:0] s_job_base,
    input  logic [StrideW-1:0] s_job_row_stride,
    input  logic [StrideW-1:0] s_job_offset,
    input  logic [   PosW-1:0] s_job_positions,
    input  logic [  RowsW-1:0] s_job_rows_per_fetch,
    input  logic [        1:0] s_job_k_code,
    input  logic [        1:0] s_job_c_code,
    input  logic               s_job_tvalid,
    output logic               s_job_tready,
    input  logic [  CidxW-1:0] s_axis_cidx_tdata,
    input  logic               s_axis_cidx_tvalid,
    output logic               s_axis_cidx_tready,
    output logic [  AddrW-1:0] m_desc_addr,
    output logic [ BytesW-1:0] m_desc_bytes,
    output logic               m_desc_tvalid,
    input  logic               m_desc_tready,
    output logic [ StartW-1:0] m_plan_start_o,        // first entry inside the first beat of a fetch
    output logic [   PosW-1:0] m_plan_positions_o,
    output logic [  RowsW-1:0] m_plan_rows_o,
    output logic [        1:0] m_plan_k_code_o,
    output logic               m_plan_valid_o,
    input  logic               m_plan_ready_i,
    output logic               busy_o,
    output cause_e             cause_o
);
  localparam int unsigned BeatBytes = BeatW / 8;
  localparam int unsigned BeatB = $clog2(BeatBytes);
  localparam int unsigned RowB = $clog2(16 * EntryW / 8);  // log2 of the bytes of a row of 16 entries
  localparam int unsigned EntryB = $clog2(EntryW / 8);
  localparam int unsigned SpanW = RowsW + RowB + 3;  // bytes of a fetch, its start inside a beat added
  localparam int unsigned EndW = ((SpanW > StrideW) ? SpanW : StrideW) + 1;
  localparam int unsigned StepW = StrideW + CidxW;  // bytes of one position; also of cidx * row_stride
  localparam int unsigned RelW = (StepW + PosW > 33) ? StepW + PosW : 33;  // bytes from base to a position

  typedef enum logic [2:0] {StIdle, StSize, StMeasure, StJudge, StPlan, StRun, StError} state_e;
  state_e state_q;
  cause_e cause_q, verdict;

  logic [AddrW-1:0] base_q;
  logic [RelW-1:0] rel_q;  // from base to the first fetched beat of the position to come, were its index 0
  logic [StepW-1:0] step_q;  // bytes of a position
  logic [StrideW-1:0] stride_q, offset_q;
  logic [PosW-1:0] left_q;
  logic [RowsW-1:0] rows_q;
  logic [1:0] k_code_q, c_code_q;
  logic [RowB+2:0] row_mask_q;  // address bits inside a row
  logic align_q;
  logic [SpanW-1:0] fetch_q, span_q;  // bytes of a fetch; from the start of its first beat, rounded up below
  logic [EndW-1:0] end_q;  // of the fetch inside the row set
  logic [BytesW-1:0] bytes_q;

  // Job -----------------------------------------------------------------------------------------------------------
  wire [SpanW-1:0] beats = span_q >> BeatB;

  always_comb begin
    if (k_code_q > 2'($clog2(Centroids / 16)) || c_code_q > 2'($clog2(ActCentroids / 16))) verdict = CauseCode;
    else if (left_q == 0 || (left_q & PosW'(Lanes - 1)) != 0) verdict = CausePositions;
    else if (align_q) verdict = CauseAlign;
    else if (rows_q == 0 || end_q > EndW'(stride_q) || beats > SpanW'(LaneBeats)) verdict = CauseFetch;
    else verdict = CauseNone;
  end

  wire take_job = s_job_tvalid && s_job_tready;
  wire take_cidx = s_axis_cidx_tvalid && s_axis_cidx_tready;

  logic pipe_ready, pipe_busy;

  row_gather_reads #(
      .CidxW(CidxW), .StrideW(StrideW), .RelW(RelW), .AddrW(AddrW)
  ) i_reads (
      .clk_i, .rst_ni, .clear_i, .base_i(base_q), .stride_i(stride_q), .s_cidx_i(s_axis_cidx_tdata), .s_rel_i(rel_q),
      .s_valid_i(take_cidx), .s_ready_o(pipe_ready), .m_addr_o(m_desc_addr), .m_valid_o(m_desc_tvalid),
      .m_ready_i(m_desc_tready), .busy_o(pipe_busy)
  );

  // Registers of the job ---------------------------------------------------------------------------------------------
  always_ff @(posedge clk_i) begin
    if (take_job) begin
      base_q   <= s_job_base;
      rel_q    <= RelW'({s_job_offset[StrideW-1:BeatB], {BeatB{1'b0}}});
      stride_q <= s_job_row_stride;
      offset_q <= s_job_offset;
      left_q   <= s_job_positions;
      rows_q   <= s_job_rows_per_fetch;
      k_code_q <= s_job_k_code;
      c_code_q <= s_job_c_code;
    end
    if (state_q == StSize) begin
      fetch_q    <= SpanW'(rows_q) << (3'(RowB) + 3'(k_code_q));
      row_mask_q <= ~({RowB + 3{1'b1}} << (3'(RowB) + 3'(k_code_q)));
    end
    if (state_q == StMeasure) begin
      span_q  <= SpanW'(offset_q[BeatB-1:0]) + fetch_q + SpanW'(BeatBytes - 1);
      end_q   <= EndW'(offset_q) + EndW'(fetch_q);
      align_q <= base_q[BeatB-1:0] != 0 || stride_q[BeatB-1:0] != 0 || (offset_q & StrideW'(row_mask_q)) != 0;
    end
    if (state_q == StJudge) begin
      bytes_q <= BytesW'(beats) << BeatB;
      step_q  <= StepW'(stride_q) << (3'd4 + 3'(c_code_q));
    end
    if (take_cidx) begin
      rel_q  <= rel_q + RelW'(step_q);
      left_q <= left_q - PosW'(1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= StIdle;
      cause_q <= CauseNone;
    end else begin
      unique case (state_q)
        StIdle: if (take_job) state_q <= StSize;
        StSize: state_q <= StMeasure;
        StMeasure: state_q <= StJudge;
        StJudge: begin
          state_q <= (verdict == CauseNone) ? StPlan : StError;
          cause_q <= verdict;
        end
        StPlan: if (m_plan_ready_i) state_q <= StRun;
        // bytes_q and stride_q belong to the pipeline too: the next job waits until it has run dry
        StRun: if (left_q == 0 && !pipe_busy) state_q <= StIdle;
        default: ;  // StError: only clear_i leads out
      endcase
    end
  end

  assign s_job_tready       = state_q == StIdle;
  assign s_axis_cidx_tready = state_q == StRun && left_q != 0 && pipe_ready;
  assign m_desc_bytes       = bytes_q;
  assign m_plan_start_o     = StartW'(offset_q[BeatB-1:EntryB]);
  assign m_plan_positions_o = left_q;
  assign m_plan_rows_o      = rows_q;
  assign m_plan_k_code_o    = k_code_q;
  assign m_plan_valid_o     = state_q == StPlan;
  assign busy_o             = state_q != StIdle && state_q != StError;
  assign cause_o            = cause_q;

  a_index_in_codebook :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      take_cidx |-> (s_axis_cidx_tdata >> (3'd4 + 3'(c_code_q))) == 0);
  a_aligned :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_desc_tvalid |-> m_desc_addr[BeatB-1:0] == 0 && m_desc_bytes != 0);
endmodule
